"""`_every` and `_when`: what one layer says for tables it does not name.

    expand(values, below) -> (plain values, moved)

Read on top of `below`, the tree of all earlier layers. `[eval._every]` holds for every table below `eval` that exists
there or in this layer; `[model._when.gpt]` holds while the kind in force is gpt. The more particular wins: `_every`
below a table's own keys, `_when` above them. `moved` tells where keys that changed their path stand in the file.
"""

from typing import Any, NamedTuple

from falsework.layer import Tree
from falsework.places import Path

VALUE_DIRECTIVES = frozenset(("_ref", "_append", "_prepend", "_unset"))  # a table with one of these is a value


class Expansion(NamedTuple):
    """A layer without `_every` and `_when`. `skipped` holds the paths of `_when` bodies that do not apply."""

    values: Tree
    moved: dict[Path, Path]
    skipped: list[Path]


def expand(values: Tree, below: Tree) -> Expansion:
    """Say everything at its own path. Malformed words are left out: the key check has reported them."""
    expansion = Expansion({}, {}, [])
    expansion.values.update(_expand(expansion, values, below, (), ()))
    return expansion


def is_table(value: object) -> bool:
    """A real table, not a directive that stands for a value."""
    return type(value) is dict and VALUE_DIRECTIVES.isdisjoint(value)


def _expand(expansion: Expansion, values: Tree, below: Any, path: Path, source: Path, kind: object = None) -> Tree:
    below = below if is_table(below) else {}
    kind = values.get("kind", kind or below.get("kind"))
    plain = {}
    for key, value in values.items():
        if type(value) is not dict or not VALUE_DIRECTIVES.isdisjoint(value):
            plain[key] = value
        elif key not in ("_when", "_every"):
            plain[key] = _expand(expansion, value, below.get(key), (*path, key), (*source, key))
    when, every = values.get("_when"), values.get("_every")
    if type(when) is dict:
        _apply_when(expansion, plain, when, (kind, below, path, source))
    if type(every) is dict:
        _apply_every(expansion, plain, every, below, path, (*source, "_every"))
    return plain


def _apply_when(expansion: Expansion, plain: Tree, when: Tree, at: tuple[object, Tree, Path, Path]) -> None:
    kind, below, path, source = at
    for name, body in when.items():
        inside = (*source, "_when", name)
        if name != kind:
            expansion.skipped.append(inside)
        elif type(body) is dict:
            strong = _expand(expansion, body, below, path, inside)
            _overlay(expansion, plain, strong, path, inside, wins=True)


def _apply_every(expansion: Expansion, plain: Tree, every: Tree, below: Tree, path: Path, source: Path) -> None:
    names = [name for name in {**below, **plain} if is_table(plain.get(name, below.get(name)))]
    for name in names:
        own = plain.setdefault(name, {})
        kind = own.get("kind")
        weak = _expand(expansion, every, below.get(name), (*path, name), source, kind)
        _overlay(expansion, own, weak, (*path, name), source, wins=False)


def _overlay(expansion: Expansion, plain: Tree, other: Tree, path: Path, source: Path, *, wins: bool) -> None:
    """Put `other`, which stands at `source` in the file, over (`wins`) or under the keys of `plain` at `path`."""
    for key, value in other.items():
        here, there = (*path, key), (*source, key)
        if is_table(value) and is_table(plain.get(key)):
            _overlay(expansion, plain[key], value, here, there, wins=wins)
        elif wins or key not in plain:
            plain[key] = value
            expansion.moved.setdefault(here, there)
