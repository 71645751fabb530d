"""`_every` and `_when`: what one layer says for tables it does not name.

    expand(values, below) -> Expansion(values, moved, skipped)

Read on top of `below`, the tree of all earlier layers. `[eval._every]` holds for every table below `eval` that exists
there or in this layer; `[model._when.gpt]` holds while the kind in force is gpt. The more particular wins: `_every`
below a table's own keys, `_when` above them. `moved` tells where keys that changed their path stand in the file.
"""

from typing import Any, NamedTuple

from falsework.layer import Tree
from falsework.places import Path

READ_DIRECTIVES = frozenset(("_ref", "_expr"))  # the value is read from elsewhere
VALUE_DIRECTIVES = READ_DIRECTIVES | {"_append", "_prepend", "_unset"}  # a table with one of these is a value


class Expansion(NamedTuple):
    """A layer without `_every` and `_when`."""

    values: Tree
    moved: dict[Path, Path]
    skipped: dict[tuple[Path, str | None], None]  # a `_when` and the kind in force: its other bodies do not apply


def expand(values: Tree, below: Tree) -> Expansion:
    """Say everything at its own path. Malformed words are left out: the key check has reported them."""
    return _expand(values, below, (), ())


def is_table(value: object) -> bool:
    """A real table, not a directive that stands for a value."""
    return type(value) is dict and VALUE_DIRECTIVES.isdisjoint(value)


def meant_directive(value: Tree) -> str:
    """What a table in the place of a value should have been, if a word of the language lacks its `_`."""
    word = next((f"_{key}" for key in value if f"_{key}" in VALUE_DIRECTIVES), None)
    return f"{{ {word} = … }}" if word else ""


def _expand(values: Tree, below: Any, path: Path, source: Path, kind: object = None) -> Expansion:
    """One table of the layer, which stands at `source` in the file and speaks of `path`."""
    below = below if is_table(below) else {}
    kind = values.get("kind", kind or below.get("kind"))
    table = Expansion({}, {}, {})
    for key, value in values.items():
        if key not in ("_when", "_every"):
            table.values[key] = value
            if is_table(value):
                inner = _expand(value, below.get(key), (*path, key), (*source, key))
                table.values[key] = inner.values
                table.moved.update(inner.moved)
                table.skipped.update(inner.skipped)
    when, every = values.get("_when"), values.get("_every")
    if type(when) is dict:
        in_force = kind if type(kind) is str else None
        table.skipped[(*source, "_when"), in_force] = None
        if in_force is not None and is_table(when.get(in_force)):
            inside = (*source, "_when", in_force)
            strong = _expand(when[in_force], below, path, inside)
            _overlay(table, table.values, strong, strong.values, (path, inside), wins=True)
    if type(every) is dict and is_table(every):
        _apply_every(table, every, below, path, (*source, "_every"))
    return table


def _apply_every(table: Expansion, every: Tree, below: Tree, path: Path, source: Path) -> None:
    names = [name for name in {**below, **table.values} if is_table(table.values.get(name, below.get(name)))]
    for name in names:
        own = table.values.setdefault(name, {})
        weak = _expand(every, below.get(name), (*path, name), source, own.get("kind"))
        _overlay(table, own, weak, weak.values, ((*path, name), source), wins=False)


def _overlay(table: Expansion, own: Tree, other: Expansion, values: Tree, at: tuple[Path, Path], *, wins: bool) -> None:
    """Put `values`, a part of `other`, over (`wins`) or under `own`; `at`: the path they speak of, and their own."""
    for key, value in values.items():
        here, there = ((*part, key) for part in at)
        if key == "kind":
            continue  # reported by the key check
        if is_table(value) and is_table(own.get(key)):
            _overlay(table, own[key], other, value, (here, there), wins=wins)
        elif wins or key not in own:
            own[key] = value
            table.moved[here] = there
            table.moved.update((path, place) for path, place in other.moved.items() if path[: len(here)] == here)
    table.skipped.update(other.skipped)
