"""A sweep to experiments: one numbered child for each point of configs/sweeps/NAME.toml that has none yet.

    swept_children("configs/sweeps/lr_by_width.toml", [], load=..., naming=...) -> Sweep

All points are checked before a file is written, and a problem is told at its place in the sweep. A point is known by
the values that its config comes to and not by its name: a child that was edited stands for it no more, one that was
renamed still does, and so does the parent for the point that changes nothing. Files are only added.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from falsework.change import change_of
from falsework.child import DRAFT, draft, write_numbered
from falsework.config import Config
from falsework.grid import Point, place_in, points, swept, tree_of
from falsework.layer import Layer, Spot, Tree
from falsework.layers import shown_path, toml_files
from falsework.naming import Naming
from falsework.paths import dotted
from falsework.problems import ConfigError, Problem, in_order
from falsework.profiles import is_table
from falsework.read import read_layer
from falsework.revisions import Load
from falsework.schema import value_at
from falsework.unreadable import unreadable
from falsework.write import spelled


class Child(NamedTuple):
    """The experiment of a point, and what the sweep varies there."""

    file: Path
    values: dict[str, Any]
    is_new: bool


class Sweep(NamedTuple):
    """A sweep, and the experiments of its points in the order of the file."""

    why: str
    parent: Path
    children: list[Child]


class _Parent(NamedTuple):
    file: Path
    number: int
    config: Config


class _Draft(NamedTuple):
    point: Point
    text: str
    config: Config


def swept_children(file: str, layers: Sequence[str], *, load: Load, naming: Naming) -> Sweep:
    """Writes the children that are missing. Raises ConfigError with all that is wrong; then nothing was written.

    `layers` are what is to be laid on each child; they have to fit the parent, and then every point.
    """
    layer = _read(file)
    parent = _parent_of(layer, Path(file).parent, load, naming)
    if layers:
        load([str(parent.file), *layers])
    found = points(layer)
    drafts = _drafts(found, layer, parent, layers, load)
    varied = swept(found)
    children = []
    with _alone_in(parent.file.parent):
        known = _known(parent, load, naming)
        for each in drafts:
            there = known.get(each.config.fingerprint)
            child = there or _written(each, parent, naming)
            here = {said.path: said.value for said in each.point}
            values = {dotted(path): _value(each.config, path, here.get(path)) for path in varied}
            children.append(Child(child, values, there is None))
    return Sweep(layer.why, parent.file, children)


def _read(file: str) -> Layer:
    try:
        layer = read_layer(Path(file), shown_path(file))
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise ConfigError([unreadable(Path(file), None, error)]) from None
    wrong = []
    if len(layer.extends) != 1:
        mend = 'write extends = "../01_baseline.toml"'
        wrong.append(
            Problem("a sweep extends one experiment, its parent", ("extends",), Spot(layer, ("extends",)), mend)
        )
    if not layer.why.strip():
        wrong.append(Problem("a sweep says why", ("why",), Spot(layer, ("why",)), 'write why = "what it is to tell"'))
    if wrong:
        raise ConfigError(wrong)
    return layer


def _parent_of(layer: Layer, folder: Path, load: Load, naming: Naming) -> _Parent:
    file = Path(shown_path(folder / layer.extends[0]))
    name = naming.parse_name(file.stem)
    if name is None:
        what = f"{file.stem}: not a numbered experiment, so it can have no children"
        raise ConfigError([Problem(what, ("extends",), Spot(layer, ("extends",), "value"))])
    if not file.exists():
        raise ConfigError([unreadable(file, Spot(layer, ("extends",), "value"), FileNotFoundError())])
    return _Parent(file, name.number, load([str(file)]))


def _drafts(found: list[Point], layer: Layer, parent: _Parent, layers: Sequence[str], load: Load) -> list[_Draft]:
    """Every point as a child that loads. Raises ConfigError with the problems of all of them."""
    head: Tree = {"extends": parent.file.name, "schema": layer.schema_version or parent.config.schema_version}
    head["why"] = f"{layer.why} (sweep {Path(layer.name).stem})"
    problems: list[Problem] = []
    drafts: dict[str, _Draft] = {}
    for point in found:
        try:
            values = _without_parents(tree_of(point, layer), parent.config.tree)
            text, config = draft(parent.file, parent.config, head, values, load)
            if layers:
                draft(parent.file, parent.config, head, values, lambda files: load([*files, *layers]))
        except ConfigError as error:
            problems += [_placed(problem, point, layer) for problem in error.problems]
            continue
        first = drafts.setdefault(config.fingerprint, _Draft(point, text, config))
        if first.point is not point:
            other = next(said for said in point if said not in first.point)
            what = "with this value, a point is the same experiment as one before it"
            problems.append(Problem(what, other.path, Spot(layer, other.place, "value")))
    if problems:
        raise ConfigError(in_order(problems, [layer]))
    return list(drafts.values())


def _without_parents(values: Tree, below: Any) -> Tree:
    """What differs from the parent: a file says what it changes. Of a table of another kind, all of it."""
    below = below if isinstance(below, dict) else {}
    if values.get("kind", below.get("kind")) != below.get("kind"):
        return values
    kept = {key: _without_parents(value, below.get(key)) if is_table(value) else value for key, value in values.items()}
    return {key: value for key, value in kept.items() if value != {} and repr(value) != repr(below.get(key))}


def _placed(problem: Problem, point: Point, layer: Layer) -> Problem:
    """The same problem at its place in the sweep's file; one that stands elsewhere, with the point that it has."""
    spot = problem.spot
    if spot is None or spot.layer.name != DRAFT:
        said = ", ".join(f"{dotted(said.path)} = {spelled(said.value)}" for said in point if said.is_swept)
        return problem._replace(help="\n".join(filter(None, [problem.help, f"at the point {said}"])))
    place = place_in(point, spot.path, of_key=spot.part == "key")
    return problem._replace(spot=Spot(layer, place, spot.part))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Of two sweeps at once, the second waits and then finds what the first wrote."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _known(parent: _Parent, load: Load, naming: Naming) -> dict[str, Path]:
    """The parent and its children, by what their configs come to. A child that does not load stands for nothing."""
    known = {parent.config.fingerprint: parent.file}
    for path in toml_files(parent.file.parent):
        name = naming.parse_name(path.stem)
        if name is not None and name.parent == parent.number:
            try:
                known.setdefault(load([str(path)]).fingerprint, path)
            except ConfigError:
                continue
    return known


def _written(each: _Draft, parent: _Parent, naming: Naming) -> Path:
    change = change_of([said.path for said in each.point], parent.config, each.config, naming)
    return write_numbered(parent.file.parent, each.text, parent.number, change, naming)


def _value(config: Config, path: tuple[str | int, ...], said: Any) -> Any:
    """The value that it came to; as it is said where the schema has another name for it by now. No table is a value."""
    value = value_at(config.tree, path)
    value = said if value is None else value
    return None if isinstance(value, dict) else value
