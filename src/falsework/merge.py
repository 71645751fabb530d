"""Lays plain layers on each other: one tree of values, the tree of their origins beside it, and what was dropped.

Tables merge by key; lists and scalars are replaced, unless a list says `_append` or `_prepend`. A table whose `kind`
changes loses what earlier layers said about it. `_unset` leaves no trace of them. `_ref`, `_expr`, and a list that is
to be joined to a default, stay in the tree: later stages know what they mean. The schema is not asked.
"""

from typing import Any, NamedTuple

from falsework.layer import Spot, Tree, holds_no_table
from falsework.laying import Merged
from falsework.origins import Origins, Piece, Written, origin_at, spot_name, spot_of_table, spot_of_value
from falsework.paths import dotted, quoted
from falsework.places import Path
from falsework.problems import Problem
from falsework.profiles import READ_DIRECTIVES, Expansion, is_table, meant_directive
from falsework.report import describe, nearest

WAITING = Piece(None, (), -1)  # the default's elements, before they are known


class Dropped(NamedTuple):
    """A later layer took away what earlier ones had said: a table by another `kind`, or a key or table by `_unset`."""

    path: Path
    by: Written
    word: str  # "kind" or "_unset"
    value: Any


class _Laying(NamedTuple):
    """One layer on its way into the tree."""

    merged: Merged
    number: int
    moved: dict[Path, Path]

    def refuse(self, source: Path, path: Path, what: str, part: Any = "key", mend: str = "") -> None:
        spot = Spot(self.merged.layers[self.number], source, part)
        self.merged.problems.append(Problem(what, path, spot, mend))

    def place_of(self, path: Path, *, is_a_table: bool) -> str:
        """Where an earlier layer wrote what now stands at `path`."""
        layers, origins = self.merged.layers[: self.number + 1], self.merged.origins
        spot = None if is_a_table else spot_of_value(layers, origins, path)
        return spot_name(spot or spot_of_table(layers[:-1], origins, path, layers[0]))


def lay_on(merged: Merged, number: int, expansion: Expansion) -> None:
    """Merge layer `number` of the stack into the tree."""
    laying = _Laying(merged, number, expansion.moved)
    _lay(laying, expansion.values, merged.tree, merged.origins, (), ())


def _lay(laying: _Laying, values: Tree, tree: Tree, origins: Origins, path: Path, source: Path) -> None:
    number, moved = laying.number, laying.moved
    kind = values.get("kind")
    if type(kind) is str and tree.get("kind", kind) != kind:
        laying.merged.dropped.append(Dropped(path, Written(number, source), "kind", dict(tree)))
        tree.clear()
        origins.clear()
    if not tree and not moved and holds_no_table(values):
        tree.update(values)  # a base's tables are like this, and this is three times as fast
        origins.update(dict.fromkeys(values, number))
        return
    for key, value in values.items():
        earlier = origins.get(key)
        if type(value) is dict or type(earlier) is dict:
            below = (*path, key)
            there = moved.get(below, (*source, key)) if moved else below
            if type(earlier) is dict and is_table(value):
                _lay(laying, value, tree[key], earlier, below, there)
            else:
                _lay_on_other(laying, value, tree, origins, below, there)
        elif moved:
            table = moved.get((*path, key), (*source, key))[:-1]
            tree[key], origins[key] = value, Written(number, table)
        else:
            tree[key] = value
            origins[key] = number


def _lay_on_other(laying: _Laying, value: Any, tree: Tree, origins: Origins, path: Path, source: Path) -> None:
    """What is neither a value on a value nor a table on a table. `tree` and `origins` are of the table above."""
    key = str(path[-1])
    earlier = tree.get(key)
    if is_table(value) and earlier is None:
        tree[key], origins[key] = {}, (origins_below := Origins())
        _lay(laying, value, tree[key], origins_below, path, source)
    elif is_table(value) and value and all(name.startswith("_") for name in value):
        pass  # meant as a directive, of a word that there is not: reported by the key check
    elif is_table(value):
        place = laying.place_of(path, is_a_table=False)
        value = meant_directive(value) or "VALUE"
        laying.refuse(source, path, f"a table here, but {describe(earlier)} at {place}", mend=f"write {key} = {value}")
    elif type(value) is dict and (is_table(earlier) or "_unset" in value) and value != {"_unset": True}:
        pass  # a directive that is malformed, or stands for a table: reported by the key check
    elif type(value) is dict and "_unset" in value:
        _unset(laying, tree, origins, path, source)
    elif is_table(earlier):
        place = laying.place_of(path, is_a_table=True)
        is_array = type(value) is list and any(type(item) is dict for item in value)
        below = earlier or {}
        mend = (
            f"write [{dotted(path)}.NAME]"
            if below and all(map(is_table, below.values()))
            else f"write [{dotted(path)}]"
        )
        is_kind = type(value) is str and value.isidentifier() and "kind" in below
        mend += f" with kind = {quoted(value)}" if is_kind else ""
        laying.refuse(source, path, f"a {'list' if is_array else 'value'} here, but a table at {place}", mend=mend)
    elif type(value) is dict and READ_DIRECTIVES.isdisjoint(value):
        tree[key], origins[key] = _joined(laying, value, earlier, path, source)
    else:
        tree[key], origins[key] = value, Written(laying.number, source[:-1])


def _unset(laying: _Laying, tree: Tree, origins: Origins, path: Path, source: Path) -> None:
    key = str(path[-1])
    if key not in tree:
        near = nearest(key, tree)
        mend = f"did you mean {near}?" if near else "" if laying.number else "a base has to be named by extends"
        laying.refuse((*source, "_unset"), path, "nothing to unset: no earlier layer sets it", mend=mend)
        return
    del origins[key]
    laying.merged.dropped.append(Dropped(path, Written(laying.number, source), "_unset", tree.pop(key)))


def _joined(laying: _Laying, directive: Tree, value: Any, path: Path, source: Path) -> tuple[Any, Written]:
    """An earlier list with more before and after it; without one, a directive that waits for the default."""
    origin, _ = origin_at(laying.merged.origins, path)
    front, back = directive.get("_prepend", []), directive.get("_append", [])
    here = Written(laying.number, source[:-1])
    if type(front) is not list or type(back) is not list:
        return value, here  # reported by the key check
    joined: Any
    middle = origin.pieces if isinstance(origin, Written) else ()
    if value is None:
        joined, middle = {"_prepend": front, "_append": back}, (WAITING,)
    elif type(value) is list:
        joined = [*front, *value, *back]
        if not middle:
            assert isinstance(origin, Written), "a layer wrote the list"
            middle = (Piece(origin.layer, (*origin.table, path[-1]), len(value)),)
    elif type(value) is dict and READ_DIRECTIVES.isdisjoint(value):
        joined = {"_prepend": [*front, *value["_prepend"]], "_append": [*value["_append"], *back]}
    else:
        what = "a value read from elsewhere" if type(value) is dict else describe(value)
        place = laying.place_of(path, is_a_table=False)
        laying.refuse(source, path, f"only a list can be added to, and this is {what} at {place}", "value")
        return value, here
    first = Piece(laying.number, (*source, "_prepend"), len(front))
    last = Piece(laying.number, (*source, "_append"), len(back))
    return joined, here._replace(pieces=(first, *middle, last))
