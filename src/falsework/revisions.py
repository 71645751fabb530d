"""Configs as tools take them: FILE[+LAYER...], a run directory, and any file of another git revision as REV:path.

    load_argument("HEAD~3:configs/22_lr_001_23.toml+configs/profiles/cpu_debug.toml", load) -> Config

What a file extends is read from the revision that the file is from; the schema is this checkout's. As in git, the path
after the colon begins at the top of the repository, unless it begins with `./`. A file that exists goes before a
revision. Nothing is checked out: the revision's TOML files lie in a passing folder while they are read.
"""

# What only revisions need is imported when one is named: it is a tenth of the start of a tool.

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from falsework.config import Config
from falsework.layers import shown_path, split_argument
from falsework.problems import ConfigError, Problem
from falsework.relabel import relabel, relabelled

Load = Callable[[Sequence[str]], Config]


class _Revisioned(NamedTuple):
    """One file of one revision."""

    revision: str
    path: str


def load_argument(argument: str, load: Load) -> Config:
    """The config that one argument of a tool means. Raises ConfigError, also for what git does not know."""
    files = split_argument(argument)
    revisioned = [_revisioned(file) for file in files]
    if not any(revisioned):
        return load(files)
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as passing:
        folders = {found.revision: "" for found in revisioned if found}
        for number, revision in enumerate(folders):
            folders[revision] = os.path.join(os.path.realpath(passing), str(number))
            _lay_out(revision, folders[revision])
        names = {f"{shown_path(folder)}/": f"{revision}:" for revision, folder in folders.items()}
        paths = [
            os.path.join(folders[found.revision], found.path) if found else file
            for file, found in zip(files, revisioned, strict=True)
        ]
        with relabelled(names):
            config = load(paths)
        revisions = "+".join(dict.fromkeys(found.revision if found else "" for found in revisioned)).strip("+")
        return relabel(config, names, name=f"{revisions}:{config.name}")


def _revisioned(file: str) -> _Revisioned | None:
    revision, colon, path = file.partition(":")
    if not colon or not revision or not path or Path(file).exists():
        return None
    if path.startswith(("./", "../")):
        path = os.path.normpath(os.path.join(_git("rev-parse", "--show-prefix").decode().strip(), path))
    return _Revisioned(revision, path)


def _lay_out(revision: str, folder: str) -> None:
    """Every TOML file of the revision, below the folder."""
    import io
    import tarfile

    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", told=revision)
    top = _git("rev-parse", "--show-toplevel").decode().strip()
    archive = _git("-C", top, "archive", "--format=tar", commit.decode().strip(), "--", ":(glob)**/*.toml")
    os.makedirs(folder)
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member in members:
            content = members.extractfile(member) if member.isfile() else None
            if content is None or ".." in Path(member.name).parts:
                continue  # a link may lead anywhere
            target = Path(folder, member.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())


def _git(*arguments: str, told: str = "") -> bytes:
    """What git prints. Raises ConfigError when it fails; `told` is the revision that it was asked about."""
    import subprocess

    try:
        done = subprocess.run(["git", *arguments], check=False, capture_output=True)
    except FileNotFoundError:
        raise ConfigError([Problem("git is not installed, and only git knows revisions", where=told)]) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise ConfigError([Problem(said or "no such revision in this repository", where=told)])
    return done.stdout
