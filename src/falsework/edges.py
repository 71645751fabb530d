"""What each experiment of a folder changes against its parent: the words on the edges of the tree.

edges(folder, load=..., naming=...) -> {23: Edge(...)} by number
"""

from typing import NamedTuple

from falsework.config import Config
from falsework.diff import Difference, differences
from falsework.layers import shown_path, toml_files
from falsework.naming import Name, Naming
from falsework.paths import dotted
from falsework.problems import ConfigError, Problem
from falsework.reading import paths_read
from falsework.report import visible
from falsework.revisions import Load
from falsework.write import spelled

_MAX_VALUE = 40  # characters of one value


class Edge(NamedTuple):
    """One experiment as plain data: what its name says, its file, and what it changes, each change in a phrase."""

    number: int
    parent: int | None
    change: str
    file: str
    why: str
    changes: list[str]


def edges(folder: str, *, load: Load, naming: Naming) -> dict[int, Edge]:
    """Every numbered experiment. Raises ConfigError when one does not load, or when there is none."""
    found: dict[int, tuple[Name, Config]] = {}
    problems: dict[Problem, None] = {}
    for path in toml_files(folder):
        name = naming.parse_name(path.stem)
        if name is None:
            continue
        file = shown_path(path)
        try:
            config = load([file])
        except ConfigError as error:
            problems.update(dict.fromkeys(error.problems))
            continue
        if name.number in found:
            other = found[name.number][1].stack.experiment.name
            problems[Problem(f"{other} has the number {name.number:02} too", where=file)] = None
        found[name.number] = name, config
    if not found and not problems:
        problems[Problem("no numbered experiments here", where=folder)] = None
    if problems:
        raise ConfigError(problems)
    return {number: _edge(name, config, found) for number, (name, config) in found.items()}


def _edge(name: Name, config: Config, found: dict[int, tuple[Name, Config]]) -> Edge:
    parent = found.get(name.parent) if name.parent is not None else None
    rows = differences(parent[1], config) if parent else []
    changed = {row.path for row in rows}
    told = [
        row for row in rows if not changed.intersection(paths_read(config, row.path))
    ]  # a tie follows, it is not set
    changes = [_phrase(row) for row in told]
    return Edge(name.number, name.parent, name.change, config.stack.experiment.name, config.why, changes)


def _phrase(row: Difference) -> str:
    if row.folded is None:
        return visible(f"{dotted(row.path)} {_short(row.a)} -> {_short(row.b)}")
    kept = [below for below in row.folded if below.a is not None and below.b is not None]
    also = "".join(f", {dotted(below.path[len(row.path) :])} {_short(below.a)} -> {_short(below.b)}" for below in kept)
    return visible(f"{dotted(row.path)} {row.a or '(not set)'} -> {row.b or '(not set)'}{also}")


def _short(value: object) -> str:
    text = "(not set)" if value is None else spelled(value)
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"
