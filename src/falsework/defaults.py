"""Fills in what no layer says: schema defaults as plain data, in the order of the schema.

    fill(filling, tree) -> the whole tree; ties that were found, problems and origins of defaults go into `filling`

A table that no file mentions is its default object. One that a file mentions takes from that object what the file
leaves out, if it is of the same kind; else from the defaults of its class. `kind` is never filled in. What is missing
without a default is a problem here, and so is a key that the final kind does not have.
"""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, NamedTuple

import attrs

from falsework.layer import Layer, Spot, Tree
from falsework.origins import Default, Origins, spot_of_table, spot_of_value
from falsework.paths import quoted
from falsework.places import Path
from falsework.problems import Problem
from falsework.schema import Component, Field, Leaf, Named, Shape, Table


class Broken:
    """Stands where a value would, after its problem has been reported."""


class Tie(NamedTuple):
    """A `_ref` found in the tree: where it stands, and the table that is to receive the value."""

    path: Path
    target: str
    table: Tree


class Filling(NamedTuple):
    """What one walk needs and gathers."""

    layers: tuple[Layer, ...]
    experiment: Layer
    origins: Origins
    root: Table
    ties: list[Tie]
    problems: list[Problem]

    def refuse(self, path: Path, what: str, spot: Spot | None, mend: str = "") -> None:
        """Note a problem."""
        self.problems.append(Problem(what, path, spot, mend))

    def header(self, path: Path) -> Spot:
        """Where the table at `path`, or the nearest above it, begins."""
        return spot_of_table(self.layers, self.origins, path, self.experiment)


def fill(filling: Filling, tree: Tree) -> Tree:
    """The whole tree with defaults; where a tie stands, its value is still missing."""
    return _fill_table(filling, tree, filling.origins, filling.root, (), None)


def plain(value: Any, shape: Shape) -> Any:
    """A config object as plain data: kinds written, None left out, tuples as lists."""
    match shape:
        case Leaf():
            return _plain_leaf(value)
        case Named():
            assert isinstance(value, Mapping), f"named tables are a mapping, not {value!r}"
            return {name: plain(item, shape.item) for name, item in value.items()}
        case Component():
            kind = next((kind for kind, table in shape.kinds.items() if table.type is type(value)), None)
            assert kind is not None, f"{type(value).__name__} is none of the kinds {', '.join(shape.kinds)}"
            return {"kind": kind, **plain(value, shape.kinds[kind])}
        case Table():
            values = ((name, getattr(value, name), field.shape) for name, field in shape.fields.items())
            return {name: plain(item, below) for name, item, below in values if item is not None}


def default_of(field: Field) -> Any:
    """A field's default as plain data; None when there is none, or when it is None."""
    default = field.attribute.default
    if default is None or default is attrs.NOTHING:
        return None
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class at run time
        default = default.factory()
    return plain(default, field.shape)


def _plain_leaf(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain_leaf(item) for item in value]
    return str(value) if isinstance(value, FilePath) else value


def _fill_table(
    filling: Filling, table: Tree, origins: Origins, shape: Table, path: Path, fallback: Tree | None
) -> Tree:
    filled: Tree = {"kind": table["kind"]} if "kind" in table else {}
    for name, field in shape.fields.items():
        value = table.get(name)
        if value is not None and type(value) is not dict:
            filled[name] = value
            continue
        default = fallback.get(name) if fallback is not None else default_of(field)
        if value is not None:
            filled[name] = _fill_value(filling, value, field.shape, (*path, name), (origins, filled), default)
        elif default is not None:
            filled[name] = default
            origins[name] = Default(field.owner, name)
        elif not field.is_optional:
            filling.refuse((*path, name), "required, and no file sets it", filling.header(path))
            filled[name] = Broken
    if len(filled) < len(table) or not table.keys() <= filled.keys():
        _refuse_unknown(filling, table, shape, path)
    return filled


def _fill_value(
    filling: Filling, value: Tree, shape: Shape, path: Path, into: tuple[Origins, Tree], default: Any
) -> Any:
    """A dict in the tree: a table, or a directive that stands for a value. `into` holds it: its origins, its table."""
    origins, filled = into
    name = str(path[-1])
    if isinstance(shape, Leaf):
        return _fill_directive(filling, value, path, filled, default)
    below = origins[name]
    if not isinstance(below, dict):  # a value's directive in the place of a table, reported by the key check
        return Broken
    if isinstance(shape, Named):
        return _fill_named(filling, value, below, shape.item, path)
    if isinstance(shape, Table):
        return _fill_table(filling, value, below, shape, path, default)
    kind = value.get("kind")
    if kind is None:
        mend = f"write kind = {' or '.join(quoted(name) for name in shape.kinds)}"
        filling.refuse((*path, "kind"), "required: it says what this table is", filling.header(path), mend)
    table = shape.kinds.get(kind) if isinstance(kind, str) else None
    if table is None:
        return Broken
    return _fill_table(filling, value, below, table, path, default if default and default["kind"] == kind else None)


def _fill_named(filling: Filling, values: Tree, origins: Origins, item: Shape, path: Path) -> Tree:
    filled: Tree = {}
    for name, value in values.items():
        if name.startswith("_"):
            continue  # reported by the key check
        is_table = type(value) is dict
        here = (*path, name)
        filled[name] = _fill_value(filling, value, item, here, (origins, filled), None) if is_table else value
    return filled


def _fill_directive(filling: Filling, value: Tree, path: Path, filled: Tree, default: Any) -> Any:
    if type(value.get("_ref")) is str and len(value) == 1:
        filling.ties.append(Tie(path, value["_ref"], filled))
        return Broken  # until the tie is resolved
    if "_append" in value or "_prepend" in value:
        if isinstance(default, list):
            return [*value.get("_prepend", []), *default, *value.get("_append", [])]
        spot = spot_of_value(filling.layers, filling.origins, path)
        filling.refuse(path, "nothing to add to: no earlier layer sets this list", spot, "write the list itself")
        return Broken
    return Broken if any(key.startswith("_") for key in value) else value


def _refuse_unknown(filling: Filling, table: Tree, shape: Table, path: Path) -> None:
    """Keys that were right while the kind was unknown, or for other tables of an `_every`, but are not in the end."""
    from falsework.hints import help_for_key  # only a mistake needs it

    kind = table.get("kind")
    reported = {problem.path for problem in filling.problems}
    for name in table:
        if name not in shape.fields and name != "kind" and (*path, name) not in reported:
            spot = spot_of_value(filling.layers, filling.origins, (*path, name)) or filling.header((*path, name))
            what = f"unknown key for kind {kind}" if kind else "unknown key"
            mend = help_for_key(name, shape, None, filling.root)
            filling.refuse((*path, name), what, spot._replace(part="key"), mend)
