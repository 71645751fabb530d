"""Config objects as plain data and back, with the standard library alone: what a run's config.json holds.

    to_plain(run) -> {"seed": 1, "model": {"kind": "gpt", ...}, ...}        from_plain(that) -> an equal Run

As strict as the TOML way in: int is int, float takes int or float, nothing else converts, unknown names are refused.
It knows no files, no layers and no older schemas, and it stops at the first mistake.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import or_
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from bindings import KINDS, ROOT
from bindings.fields import Misfit

Path = tuple[str, ...]

# JSON has no number for these; the record writes them as words.
WORDS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
SCALARS = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PART = re.compile(r'([A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*")(\.(?!$)|$)')


def to_plain(value: Any, annotation: Any = ROOT, path: Path = ()) -> Any:
    """An object as dicts, lists and scalars: kinds written, None left out. Raises Misfit for a class out of place."""
    annotation = present(annotation)
    if annotation in KINDS:
        named = {owner: kind for kind, owner in KINDS[annotation].items()}
        if type(value) not in named:
            raise Misfit(f"expected {_listed(named)}, got {_described(value)}", path=path)
        return {"kind": named[type(value)], **_fields_to_plain(value, path)}
    if attrs.has(annotation):
        if type(value) is not annotation:
            raise Misfit(f"expected {annotation.__name__}, got {_described(value)}", path=path)
        return _fields_to_plain(value, path)
    if _origin(annotation) is Mapping and isinstance(value, Mapping):
        return {name: to_plain(item, get_args(annotation)[1], (*path, name)) for name, item in value.items()}
    if _origin(annotation) is tuple and isinstance(value, tuple | list):
        item_types = _items(annotation, value, path)
        return [to_plain(item, item_type, path) for item, item_type in zip(value, item_types, strict=True)]
    return value


def from_plain(data: Any, annotation: Any = ROOT, path: Path = ()) -> Any:
    """The object that the data describes. Raises Misfit, whose `path` names what does not fit."""
    annotation = present(annotation)
    if annotation in KINDS:
        table = dict(_table(data, path))
        kind = table.pop("kind", None)
        if not isinstance(kind, str) or kind not in KINDS[annotation]:
            raise Misfit(f"expected kind {_listed(KINDS[annotation])}, got {_described(kind)}", path=path)
        return _object(table, KINDS[annotation][kind], path)
    if attrs.has(annotation):
        return _object(_table(data, path), annotation, path)
    if _origin(annotation) is Mapping:
        item_type = get_args(annotation)[1]
        return {name: from_plain(item, item_type, (*path, name)) for name, item in _table(data, path).items()}
    if _origin(annotation) is tuple:
        if not isinstance(data, list):
            raise Misfit(f"expected a list, got {_described(data)}", path=path)
        item_types = _items(annotation, data, path)
        return tuple(from_plain(item, item_type, path) for item, item_type in zip(data, item_types, strict=True))
    return _scalar(data, annotation, path)


def checked(value: Any, annotation: Any = ROOT, path: Path = ()) -> Any:
    """An equal object whose every value has exactly the type that its field declares. Raises Misfit.

    attrs does not look at types, so `Gpt(width="64")` may well exist; and a float that was written as 1 becomes 1.0,
    a list that was given for a tuple becomes one.
    """
    if value is None and is_optional(annotation):
        return None
    return from_plain(to_plain(value, annotation, path), annotation, path)


def located(misfit: Misfit) -> str:
    """What does not fit, with its dotted path in front."""
    return f"{'.'.join(misfit.path)}: {misfit}" if misfit.path else str(misfit)


def flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf by its dotted name, as config.json has them; a list is a leaf, and so is a table without keys."""
    for name, value in tree.items():
        key = above + (name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False))
        if isinstance(value, dict) and value:
            yield from flat(value, f"{key}.")
        else:
            yield key, value


def unflat(values: Mapping[str, Any]) -> dict[str, Any]:
    """The tree that `flat` came from."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *tables, name = _parts(key)
        table = tree
        for part in tables:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise Misfit(f"{key} and a value above it are both set")
        table[name] = value
    return tree


def present(annotation: Any) -> Any:
    """The type of a value that is there: without None."""
    if not is_optional(annotation):
        return annotation
    return reduce(or_, [argument for argument in get_args(annotation) if argument is not type(None)])


def is_optional(annotation: Any) -> bool:
    """Whether None is among the types."""
    return _origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation)


def _fields_to_plain(value: Any, path: Path) -> dict[str, Any]:
    plain = {}
    for field in attrs.fields(type(value)):
        inner = getattr(value, field.name)
        if inner is not None:
            plain[field.name] = to_plain(inner, field.type, (*path, field.name))
        elif not is_optional(field.type):
            raise Misfit("is None, and only what may be absent can be", path=(*path, field.name))
    return plain


def _object(table: Mapping[str, Any], owner: Any, path: Path) -> Any:
    fields = attrs.fields_dict(owner)
    for name in table:
        if name not in fields:
            raise Misfit(f"unknown name; {owner.__name__} has {', '.join(fields) or 'no fields'}", path=(*path, name))
    for name, field in fields.items():
        if name not in table and field.default is attrs.NOTHING:
            raise Misfit("required, and not there", path=(*path, name))
    values = {name: from_plain(value, fields[name].type, (*path, name)) for name, value in table.items()}
    return made(owner, values, path)


def made(owner: Any, values: Mapping[str, Any], path: Path) -> Any:
    """`owner(**values)`; what a validator refuses becomes a Misfit at its path."""
    try:
        return owner(**values)
    except (ValueError, TypeError) as error:
        below = (*_refusing(owner, values), *getattr(error, "path", ()))
        raise Misfit(str(error.args[0] if error.args else error), path=(*path, *below)) from error


def _refusing(owner: Any, values: Mapping[str, Any]) -> tuple[str, ...]:
    """The field whose validator refuses: each is asked by itself, on an instance that was never checked."""
    instance = owner.__new__(owner)
    for name, value in values.items():
        object.__setattr__(instance, name, value)
    for field in attrs.fields(owner):
        if field.validator is not None and field.name in values:
            try:
                field.validator(instance, field, values[field.name])
            except (ValueError, TypeError):
                return (field.name,)
            except AttributeError:
                continue  # it looks at another field, which has its default
    return ()


def _scalar(data: Any, annotation: Any, path: Path) -> Any:
    if _origin(annotation) is Literal:
        for option in get_args(annotation):
            if type(option) is type(data) and option == data:
                return option
        raise Misfit(f"expected {_listed(get_args(annotation))}, got {_described(data)}", path=path)
    if annotation is float and type(data) is str and data in WORDS:
        return WORDS[data]
    if annotation is float and type(data) is int:
        return float(data)
    assert annotation in SCALARS, f"{annotation!r} in a schema: nothing here can hold it"
    if type(data) is not annotation:
        raise Misfit(f"expected {SCALARS[annotation]}, got {_described(data)}", path=path)
    return data


def _items(annotation: Any, values: Any, path: Path) -> list[Any]:
    """The type of each item of a tuple."""
    types = get_args(annotation)
    if types[-1] is ...:
        return [types[0]] * len(values)
    if len(types) != len(values):
        raise Misfit(f"expected {len(types)} items, got {len(values)}", path=path)
    return list(types)


def _table(data: Any, path: Path) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise Misfit(f"expected a table, got {_described(data)}", path=path)
    return data


def _parts(key: str) -> list[str]:
    """The parts of a dotted name; what is not a bare word stands in quotes, as in TOML and JSON."""
    parts: list[str] = []
    at = 0
    while at < len(key) or not parts:
        match = _PART.match(key, at)
        if match is None:
            raise Misfit(f"{key!r} is no dotted name")
        parts.append(json.loads(match[1]) if match[1].startswith('"') else match[1])
        at = match.end()
    return parts


def _listed(options: Any) -> str:
    return " or ".join(option.__name__ if isinstance(option, type) else str(option) for option in options)


def _described(value: Any) -> str:
    if value is None or attrs.has(type(value)):
        return "nothing" if value is None else type(value).__name__
    return f"{type(value).__name__} {value!r}"


def _origin(annotation: Any) -> Any:
    """`get_origin`, whose declared type is narrower than what annotations are."""
    return get_origin(annotation)
