"""A new project: the machinery of this one in a new folder, with one experiment, its own README and a first commit.

    new_project(project, target) -> Made

Copied is what git tracks or would track, as it stands; this project's own study stays where it is. The new project is
written beside its place and renamed, so it is there whole or not at all. It imports nothing that has to be installed.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from harness.launch import Refused
from harness.redact import is_secret_file

BASELINE = "01_baseline"
README = "docs/new_project.md"  # the page that becomes the README

# What belongs to a project and not to its machinery: what it tried, what came of it, what it was measured against.
STAYS = (
    *("configs/*", "experiments/*", "benchmarks/*", "docs/benchmarks.md", "docs/study.md", "tests/test_readme.py"),
    "tests/system/test_new_project.py",  # needs a baseline whose data every machine has
)
GOES_ALL_THE_SAME = (
    f"configs/{BASELINE}.toml",
    "configs/.schema.json",
    "configs/profiles/*",
    "configs/sweeps/lr_by_width.toml",  # stands on the baseline, and docs/sweeps.md runs it
    f"experiments/{BASELINE}.py",  # in a project without falsework
    f"experiments/*/{BASELINE}+*.py",
    "benchmarks/checkpoint_stall.py",  # docs/training.md tells how to run it
    "benchmarks/synthetic_runs.py",  # tests read the store that it writes
)
MADE_ON_TOP = {".bench", ".git", ".venv", "runs"}  # what is no source, where git cannot say so
MADE_ANYWHERE = {"__pycache__", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
EXAMPLES_STAY = ("src/", "tests/falsework/")  # where the example is any name, and not a file of configs/
OF_THE_OLD_ONE = re.compile(r'^(?:description = "[^"\n]*"|license = .*|authors = \[.*\])\n', re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")  # of a package, as packaging.python.org has it
GIT_TIMEOUT_SECONDS = 120
ELSEWHERE = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")  # a hook has them set: the commit would go there


class Made(NamedTuple):
    """What was done: where, files written, files of the old project that stayed, and how the first commit went."""

    folder: Path
    num_files: int
    stayed: list[str]
    commit: str


def new_project(project: Path, target: Path) -> Made:
    """Writes it to `target`, an absent or empty folder outside. Raises Refused, and then nothing is written."""
    try:
        project, target = project.resolve(), target.resolve()
        _check(project, target)
        home = next(folder for folder in target.parents if folder.is_dir())
        with tempfile.TemporaryDirectory(prefix=".new_project-", dir=home) as beside:
            folder = Path(beside, target.relative_to(home))
            stayed = _copy(project, folder, _package_name(project, target))
            num_files = sum(path.is_file() for path in folder.rglob("*"))
            commit = _first_commit(folder)
            top = target.relative_to(home).parts[0]
            Path(beside, top).rename(home / top)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        why = f"{error.strerror} ({error.filename})" if isinstance(error, OSError) else error
        raise Refused(f"{target} was not written: {why}") from error
    return Made(target, num_files, stayed, commit)


def _check(project: Path, target: Path) -> None:
    wrong = ""
    if target.is_relative_to(project):
        wrong = "lies inside this project"
    elif target.exists() and not target.is_dir():
        wrong = "is a file"
    elif target.exists() and any(target.iterdir()):
        wrong = "is not empty"
    if wrong:
        raise Refused(f"{target} {wrong}\n  help: name a folder outside that is empty, or not there yet")
    if missing := [name for name in (README, "pyproject.toml") if not (project / name).is_file()]:
        raise Refused(f"{missing[0]} is not in {project}, and a new project is made from it")
    if not any((project / name).is_file() for name in (f"configs/{BASELINE}.toml", f"experiments/{BASELINE}.py")):
        raise Refused(f"{project} has no experiment {BASELINE}, and a new project begins with it")


def _package_name(project: Path, target: Path) -> str:
    """The folder's name as that of a package. Raises Refused for the name of one that is needed."""
    name = target.name if NAME.fullmatch(target.name) else re.sub(r"[^a-z0-9]+", "-", target.name.lower()).strip("-")
    if not name:
        raise Refused(
            f"{target.name!r} holds no letter from a to z and no digit\n  help: a project is called as its folder is"
        )
    needed = re.findall(
        r'^ +"([\w.-]+)(?:\[\w+\])?[<=>]', (project / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    if re.sub(r"[-_.]+", "-", name).lower() in needed:
        raise Refused(f"{name} is the name of a package that the project needs\n  help: another name for the folder")
    return name


def _copy(project: Path, folder: Path, package: str) -> list[str]:
    """Fills the folder; gives the files that stayed."""
    main = re.search(r"^CONFIG \?= \S*?(\w+)\.(?:toml|py)$", _text(project / "Makefile") or "", re.MULTILINE)
    stayed = []
    for name in sorted(_source_of(project)):
        source, to = project / name, folder / name
        if _stays(name):
            stayed.append(name)
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, to, follow_symlinks=False)
        text = None if source.is_symlink() else _text(source)
        if text is not None and (edited := _edited(name, text, package, main[1] if main else BASELINE)) != text:
            to.write_text(edited, encoding="utf-8", newline="")
    _, _, page = (folder / README).read_text("utf-8").partition("\n")
    (folder / "README.md").write_text(f"# {folder.name}\n{page}", encoding="utf-8", newline="")
    return stayed


def _source_of(project: Path) -> Iterator[str]:
    """Files that git tracks or would track; where it cannot say, all but what is known to be no source."""
    listed = _git(project, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout.split("\0")
    if "train.py" in listed:
        known = dict.fromkeys(listed)  # in a merge git lists a file several times
        yield from (name for name in known if name and ((project / name).is_file() or (project / name).is_symlink()))
        return
    for directory, folders, names in os.walk(project):
        made = MADE_ANYWHERE | MADE_ON_TOP if Path(directory) == project else MADE_ANYWHERE
        folders[:] = [name for name in folders if name not in made and not name.endswith(".egg-info")]
        yield from (Path(directory, name).relative_to(project).as_posix() for name in names)


def _stays(name: str) -> bool:
    if is_secret_file(Path(name).name):
        return True
    return any(fnmatch(name, each) for each in STAYS) and not any(fnmatch(name, each) for each in GOES_ALL_THE_SAME)


def _text(path: Path) -> str | None:
    """The file's text; None for what is no text, or not there."""
    try:
        return path.read_bytes().decode()
    except (UnicodeDecodeError, OSError):
        return None


def _edited(name: str, text: str, package: str, main: str) -> str:
    """A file's text in the new project: the package's name, and the one experiment where the main one was named."""
    if name == "pyproject.toml":
        old = next(iter(re.findall(r'^name = "(.+)"$', text, re.MULTILINE)), package)
        text = OF_THE_OLD_ONE.sub("", text).replace(f'name = "{old}"\n', f'name = "{package}"\n')
        return text.replace(f'"{old}[', f'"{package}[')  # itself with extras
    if name.startswith(EXAMPLES_STAY):
        return text
    # configs/a.toml:8:6 is not such a file: something said so once
    example = rf"\b((?:configs|experiments)/(?:\w+/)?){re.escape(main)}(?=(?:\+\w+)?\.(?:toml|py)\b(?!:))"
    return re.sub(example, rf"\g<1>{BASELINE}", text)


def _first_commit(folder: Path) -> str:
    """Makes a repository with one commit of all; says which, or why there is none."""
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "A new project"]):
        done = _git(folder, *words)
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            who = "git does not know your name (git config --global user.name, user.email; then git commit)"
            why = who if "tell me who you are" in done.stderr else said[-1] if said else f"git {words[0]} failed"
            return f"no commit: {why}"
    return f"commit {_git(folder, 'rev-parse', '--short', 'HEAD').stdout.strip()}"


def _git(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """What git answers; where there is none, an answer that says so."""
    environment = {key: value for key, value in os.environ.items() if key not in ELSEWHERE} | {"LC_ALL": "C"}
    try:
        return subprocess.run(
            ["git", *words],
            cwd=folder,
            env=environment,
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=GIT_TIMEOUT_SECONDS,
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(words, 127, "", "git is not installed")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "", f"git did not end in {GIT_TIMEOUT_SECONDS} s")
