"""A new experiment: the next numbered child of an existing one, as a file.

    new_child("configs", 22, "lr_001", ["optimizer.lr=0.001"], why=..., load=..., naming=...) -> Child

First everything is checked: the settings by the loader, the name against what they change. Then a number is claimed and
the file is written, never over another one. How experiments are named is not known here: `naming` says it.
"""

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from falsework.claims import untruths
from falsework.config import Config
from falsework.depth import MAX_DEPTH, depth, flatten
from falsework.layer import Tree
from falsework.layers import shown_path, toml_files
from falsework.naming import Naming
from falsework.places import Lost
from falsework.problems import ConfigError, Problem
from falsework.relabel import relabel, relabelled
from falsework.revisions import Load
from falsework.scan import read_key
from falsework.write import layer_text

_MAX_TRIES = 1_000
DRAFT = "the new file"


class Child(NamedTuple):
    """The file that was written, and the configs of both."""

    file: Path
    parent: Config
    config: Config


def new_child(
    folder: str, parent: int, change: str, settings: Sequence[str], *, why: str, load: Load, naming: Naming
) -> Child:
    """Write the file. Raises ConfigError with all that is wrong; then nothing was written."""
    odd = next((text for text in (why, *settings) if not _is_utf8(text)), None)
    if odd is not None:
        raise ConfigError([Problem("not UTF-8 text", where=ascii(odd))])
    values = _tree_of(settings)
    try:
        naming.child_name(parent, change, 0)
    except ValueError as error:
        raise ConfigError([Problem(str(error))]) from None
    if not why.strip():
        raise ConfigError([Problem("an experiment says why", help='--why "what this run is to tell"')])
    parent_file = file_of(folder, parent, naming)
    before = load([str(parent_file)])
    head: Tree = {"extends": parent_file.name, "schema": before.schema_version, "why": why}
    text, after = draft(parent_file, before, head, values, load)
    wrong = untruths(change, before, after)
    if wrong:
        raise ConfigError(Problem(what, where=change) for what in wrong)
    file = write_numbered(Path(folder), text, parent, change, naming)
    return Child(file, before, load([str(file)]))


def file_of(folder: str, number: int, naming: Naming) -> Path:
    """The experiment of this number."""
    named = [(file, name) for file in toml_files(folder) if (name := naming.parse_name(file.stem)) is not None]
    found = [file for file, name in named if name.number == number]
    if len(found) == 1:
        return found[0]
    what = f"experiment {number:02} is more than one: {', '.join(map(str, found))}"
    if not found:
        numbers = [name.number for _, name in named]
        known = f"; the numbers here are {min(numbers)} to {max(numbers)}" if numbers else ""
        what = f"there is no experiment {number:02}{known}"
    raise ConfigError([Problem(what, where=folder)])


def draft(parent_file: Path, parent: Config, head: Tree, values: Tree, load: Load) -> tuple[str, Config]:
    """The text of a child, and the config that it makes, loaded from a passing file; problems are in `DRAFT`.

    It extends its parent, unless that would make the chain of files longer than is good to read.
    """
    with TemporaryDirectory() as passing:
        file = Path(os.path.realpath(passing), "new.toml")
        beside = {**head, "extends": os.path.realpath(parent_file)}
        file.write_text(layer_text(beside, values), encoding="utf-8", newline="")
        names = {shown_path(file): DRAFT}
        with relabelled(names):
            config = relabel(load([str(file)]), names, name=DRAFT)
    if depth(parent) < MAX_DEPTH:
        return layer_text(head, values), config
    whose = f"its parent is {parent_file.stem}"
    return flatten(config, f"Written out whole, as {MAX_DEPTH} steps of extends are enough: {whose}."), config


def write_numbered(folder: Path, text: str, parent: int, change: str, naming: Naming) -> Path:
    """Write under the next free number; two at once never get the same one.

    A number is claimed by making a file that must not exist. With the claim in hand the folder is looked at again, as
    another process may have written its own file since.
    """

    def free() -> int:
        names = [naming.parse_name(file.stem) for file in toml_files(folder)]
        return max((name.number for name in names if name is not None), default=0) + 1

    first = free()
    for number in range(first, first + _MAX_TRIES):
        claim = folder / f".claim_{number}"
        try:
            os.close(os.open(claim, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            continue
        except OSError as error:
            raise ConfigError([Problem(f"cannot be written to: {error.strerror}", where=str(folder))]) from None
        try:
            if free() <= number:
                file = folder / f"{naming.child_name(parent, change, number)}.toml"
                _write(file, text)
                return file
        finally:
            claim.unlink()
    raise ConfigError([Problem(f"{_MAX_TRIES} numbers are claimed by .claim_* files", where=str(folder))])


def _write(file: Path, text: str) -> None:
    """A new file, whole or not at all. Raises ConfigError for a full disk."""
    new = file.open("x", encoding="utf-8", newline="")
    try:
        with new:
            new.write(text)
    except OSError as error:
        file.unlink()
        raise ConfigError([Problem(f"cannot be written: {error.strerror}", where=str(file))]) from None


def _is_utf8(text: str) -> bool:
    """Whether an argument was text; the shell hands on any bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _tree_of(settings: Sequence[str]) -> Tree:
    """`["optimizer.lr=0.01"]` as the tables of a layer."""
    tree: Tree = {}
    problems = []
    for setting in settings:
        path, text = _key_and_value(setting)
        if path is None:
            problems.append(Problem("expected KEY=VALUE", where=setting, help="for example optimizer.lr=0.01"))
        elif not put(tree, path, _value(text.strip())):
            problems.append(Problem("set twice, or both a table and a value", path, where=setting))
    if problems:
        raise ConfigError(problems)
    return tree


def _key_and_value(setting: str) -> tuple[tuple[str, ...] | None, str]:
    """`eval."a=b".stride=8` -> its path, and what stands after the key's `=`; no path for what is no KEY=VALUE."""
    try:
        parts, end = read_key(setting, 0)
    except Lost:
        return None, ""
    is_key = setting.startswith("=", end)
    return (tuple(name for name, _ in parts) if is_key else None), setting[end + 1 :]


def put(tree: Tree, path: Sequence[str], value: Any) -> bool:
    """Set a value below tables that are made on the way; False where something stands already."""
    for part in path[:-1]:
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            return False
        tree = below
    return tree.setdefault(path[-1], value) is value


def _value(text: str) -> Any:
    """The value that TOML reads; text that is no TOML is a string, so that kinds need no quotes within quotes."""
    try:
        document = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return text
    return document["value"] if len(document) == 1 else text
