"""Fills in what no layer says: schema defaults as plain data, in the order of the schema.

    fill(filling, tree) -> the whole tree; links that were found, problems and origins of defaults go into `filling`

A table that no file mentions is its default object. One that a file mentions takes from that object what the file
leaves out, if it is of the same kind; else from the defaults of its class. `kind` is never filled in. What is missing
without a default is a problem here, and so is a key that the final kind does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from falsework.layer import Spot, Tree, holds_no_table
from falsework.layers import Stack
from falsework.laying import Merged
from falsework.origins import Default, Origins, Written, spot_of_table, spot_of_value
from falsework.places import Path
from falsework.plain import default_of
from falsework.problems import Problem
from falsework.schema import Component, Field, Leaf, Named, Shape, Table

if TYPE_CHECKING:
    from falsework.link import Derivation, Link

Fallback = Callable[[], Any]  # gives a default; making default objects takes time, and most are not needed


class Broken:
    """Stands where a value would, after its problem has been reported."""


class Filling:
    """What one walk needs and gathers; the origins of defaults and the problems go to those of the layers."""

    def __init__(self, stack: Stack, merged: Merged, root: Table, derived: Mapping[Path, Derivation]) -> None:
        """Nothing is filled in yet."""
        self.layers = stack.layers
        self.experiment = stack.experiment
        self.origins = merged.origins
        self.problems = merged.problems
        self.root = root
        self.derived = derived
        self.links: list[Link] = []

    def refuse(self, path: Path, what: str, spot: Spot | None, mend: str = "") -> None:
        """Note a problem."""
        self.problems.append(Problem(what, path, spot, mend))

    def header(self, path: Path) -> Spot:
        """Where the table at `path`, or the nearest above it, begins."""
        return spot_of_table(self.layers, self.origins, path, self.experiment)


def fill(filling: Filling, tree: Tree) -> Tree:
    """The whole tree with defaults; where a link stands, its value is still missing."""
    return _fill_table(filling, tree, filling.origins, filling.root, (), lambda: None)


def _fill_table(filling: Filling, table: Tree, origins: Origins, shape: Table, path: Path, fallback: Fallback) -> Tree:
    if table.keys() == shape.fields.keys() and holds_no_table(table):
        return table  # nothing to fill in
    fallback = cache(fallback)  # each missing field asks
    filled: Tree = {"kind": table["kind"]} if "kind" in table else {}
    for name, field in shape.fields.items():
        value = table.get(name)
        if value is not None and type(value) is not dict:
            filled[name] = value
            continue
        if value is not None:
            default_here = partial(_default_in, fallback, field)
            filled[name] = _fill_value(filling, value, field.shape, (*path, name), (origins, filled), default_here)
        elif (default := _default_in(fallback, field)) is not None:
            filled[name] = default
            origins[name] = Default(field.owner, name)
        elif not field.is_optional:
            if (*path, name) not in filling.derived:
                from falsework.missing import refuse_missing  # only a mistake needs it, and so below

                refuse_missing(filling, (*path, name), field)
            filled[name] = Broken
    if len(filled) < len(table) or not table.keys() <= filled.keys():
        from falsework.missing import refuse_unknown

        refuse_unknown(filling, table, shape, path)
    return filled


def _default_in(fallback: Fallback, field: Field) -> Any:
    """The field's value in the default object of its table; without such an object, its own default."""
    whole = fallback()
    return default_of(field) if whole is None else whole.get(field.name)


def _if_of_kind(default: Fallback, kind: str) -> Any:
    whole = default()
    return whole if whole is not None and whole["kind"] == kind else None


def _fill_value(
    filling: Filling, value: Tree, shape: Shape, path: Path, into: tuple[Origins, Tree], default: Fallback
) -> Any:
    """A dict in the tree: a table, or a directive that stands for a value. `into` holds it: its origins, its table."""
    origins = into[0]
    name = str(path[-1])
    if isinstance(shape, Leaf):
        return _fill_directive(filling, value, path, into, default)
    below = origins[name]
    if not isinstance(below, dict):  # a value's directive in the place of a table, reported by the key check
        return Broken
    if isinstance(shape, Named):
        return _fill_named(filling, value, below, shape.item, path)
    if isinstance(shape, Table):
        return _fill_table(filling, value, below, shape, path, default)
    kind = value.get("kind")
    if kind is None:
        from falsework.missing import refuse_no_kind

        refuse_no_kind(filling, path, shape)
    if not isinstance(kind, str) or kind not in shape.kinds:
        return _fill_misspelt(filling, value, below, shape, path)
    return _fill_table(filling, value, below, shape.kinds[kind], path, partial(_if_of_kind, default, kind))


def _fill_misspelt(filling: Filling, value: Tree, origins: Origins, shape: Component, path: Path) -> Any:
    """A table of an unknown kind, which the key check has reported: its values are still checked, as the nearest's."""
    from falsework.report import nearest

    kind = nearest(str(value.get("kind", "")), shape.kinds)
    if kind is None:
        return Broken
    num_problems = len(filling.problems)
    filled = _fill_table(filling, {**value, "kind": kind}, origins, shape.kinds[kind], path, lambda: None)
    del filling.problems[num_problems:]  # what is missing or unknown in a table of a guessed kind is no news
    return filled


def _fill_named(filling: Filling, values: Tree, origins: Origins, item: Shape, path: Path) -> Tree:
    filled: Tree = {}
    for name, value in values.items():
        if name.startswith("_"):
            continue  # reported by the key check
        is_table = type(value) is dict
        here = (*path, name)
        if is_table:
            filled[name] = _fill_value(filling, value, item, here, (origins, filled), lambda: None)
        else:  # beside a kind, which the key check has reported, keys were meant for a table with a name
            filled[name] = Broken if "kind" in values else value
    return filled


def _fill_directive(filling: Filling, value: Tree, path: Path, into: tuple[Origins, Tree], fallback: Fallback) -> Any:
    origins, filled = into
    from falsework.link import link_of  # many a config has none

    link = link_of(value, path, filled) if len(value) == 1 else None
    if link is not None:
        filling.links.append(link)
        return Broken  # until the link is resolved
    if "_append" in value or "_prepend" in value:
        default = fallback()
        if isinstance(default, list):
            _count_default(origins, path, len(default))
            return [*value.get("_prepend", []), *default, *value.get("_append", [])]
        spot = spot_of_value(filling.layers, filling.origins, path)
        filling.refuse(path, "nothing to add to: no earlier layer sets this list", spot, "write the list itself")
        return Broken
    return Broken if any(key.startswith("_") for key in value) else value


def _count_default(origins: Origins, path: Path, num_elements: int) -> None:
    """Tell the elements of a list that was joined to its default how many of them are the default's."""
    origin = origins[str(path[-1])]
    assert isinstance(origin, Written), "a layer wrote the directive"
    pieces = tuple(piece._replace(num=num_elements) if piece.num < 0 else piece for piece in origin.pieces)
    origins[str(path[-1])] = origin._replace(pieces=pieces)
