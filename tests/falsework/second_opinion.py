"""A second opinion on what layers make: the language of docs/language.md once more, slowly and without places.

    laid(below, layer) -> what both say together          made(schema, tree) -> the object

Nothing here calls falsework, so that an agreement of the two is worth something. It knows no profiles and ties.
"""

from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_
from pathlib import Path
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

import attrs

Tree = dict[str, Any]
Kinds = dict[Any, dict[str, type]]


class Wrong(Exception):
    """No config comes of these layers."""


class Schema(NamedTuple):
    """What falsework is told: the root class, its kinds, and the fields of the root that follow from others."""

    root: type
    kinds: Kinds
    derived: dict[str, tuple[tuple[str, ...], Callable[..., Any]]]


def written(value: Any, kinds: Kinds) -> Any:
    """An object as a user would write all of it."""
    if attrs.has(type(value)):
        found = [kind for named in kinds.values() for kind, owner in named.items() if owner is type(value)]
        fields = {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
        tree = {name: written(below, kinds) for name, below in fields.items() if below is not None}
        return {**({"kind": found[0]} if found else {}), **tree}
    if isinstance(value, dict):
        return {name: written(below, kinds) for name, below in value.items()}
    if isinstance(value, tuple):
        return [written(below, kinds) for below in value]
    return str(value) if isinstance(value, Path) else value


def laid(below: Tree, layer: Tree) -> Tree:
    """The layer on what earlier layers said."""
    if "kind" in layer and below.get("kind", layer["kind"]) != layer["kind"]:
        below = {}
    together = dict(below)
    for key, value in layer.items():
        earlier = together.get(key)
        if isinstance(value, dict) and "_unset" in value:
            if earlier is None:
                raise Wrong
            del together[key]
        elif _adds(value):
            together[key] = _joined(value, earlier)
        else:
            together[key] = laid(earlier or {}, value) if isinstance(value, dict) else value
    return together


def made(schema: Schema, tree: Tree) -> Any:
    """The object that a merged tree makes."""
    derived = {}
    for name, (reads, function) in schema.derived.items():
        if name not in tree:
            rest = _made(schema.root, {**tree, name: 0}, schema.kinds, None)
            derived[name] = function(*(getattr(rest, read) for read in reads))
    return _made(schema.root, {**tree, **derived}, schema.kinds, None)


def inner(annotation: Any) -> Any:
    """The type without its `| None`."""
    is_optional = get_origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation)
    return reduce(or_, [part for part in get_args(annotation) if part is not type(None)]) if is_optional else annotation


def owner_of(annotation: Any, tree: Tree, kinds: Kinds) -> Any:
    """The class of a table."""
    return kinds[annotation][tree["kind"]] if annotation in kinds else annotation


def _made(annotation: Any, tree: Any, kinds: Kinds, default: Any) -> Any:
    annotation = inner(annotation)
    if get_origin(annotation) is tuple:
        return _made_list(annotation, tree, default)
    if get_origin(annotation) is Mapping:
        return {name: _made(get_args(annotation)[1], item, kinds, None) for name, item in tree.items()}
    if not isinstance(tree, dict):
        return Path(tree) if annotation is Path else tree
    owner = owner_of(annotation, tree, kinds)
    whole = default if type(default) is owner else None
    values = {}
    for field in attrs.fields(owner):
        fallback = _default(field) if whole is None else getattr(whole, field.name)
        if field.name not in tree and fallback is attrs.NOTHING:
            raise Wrong
        is_said = field.name in tree
        values[field.name] = _made(field.type, tree[field.name], kinds, fallback) if is_said else fallback
    return owner(**values)


def _made_list(annotation: Any, tree: Any, default: Any) -> Any:
    if _adds(tree):
        if not isinstance(default, tuple):
            raise Wrong
        before, after = (_made_list(annotation, tree.get(word, []), None) for word in ("_prepend", "_append"))
        return (*before, *default, *after)
    items = [item for item in get_args(annotation) if item is not ...]
    types = items * len(tree) if ... in get_args(annotation) else items
    return tuple(Path(value) if item is Path else value for item, value in zip(types, tree, strict=True))


def _default(field: Any) -> Any:
    return field.default.factory() if isinstance(field.default, attrs.Factory) else field.default  # type: ignore[arg-type]


def _adds(value: Any) -> bool:
    return isinstance(value, dict) and bool({"_append", "_prepend"} & value.keys())


def _joined(words: Tree, earlier: Any) -> Any:
    before, after = words.get("_prepend", []), words.get("_append", [])
    if isinstance(earlier, list):
        return [*before, *earlier, *after]
    if earlier is None:
        return {"_prepend": before, "_append": after}
    if _adds(earlier):
        return {"_prepend": [*before, *earlier["_prepend"]], "_append": [*earlier["_append"], *after]}
    raise Wrong
