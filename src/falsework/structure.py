"""Plain data -> frozen attrs objects, by cattrs with hooks that convert nothing.

    structure(tree, root) -> the object, or Refused with every fault

What a single value may be is scalars.py's business; cattrs' own defaults would turn "false" into True. A BaseConverter
generates no code, which halves a cold start. Validators run when attrs makes the object; only after one fails are they
asked one by one, so that every fault is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial, reduce
from operator import or_
from pathlib import Path as FilePath
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs
from cattrs import BaseConverter

from falsework.layer import Tree
from falsework.scalars import (
    Fault,
    Refused,
    as_boolean,
    as_integer,
    as_literal,
    as_number,
    as_path,
    as_string,
    as_variable_name,
)
from falsework.schema import VARIABLE_SUFFIX, Kinds

Hook = Callable[[Any, Any], Any]
MAX_FAULTS = 5_000  # of one list or table of named values
_SCALAR_HOOKS: dict[Any, Hook] = {
    bool: as_boolean,
    int: as_integer,
    float: as_number,
    str: as_string,
    FilePath: as_path,
}


def strict_converter(kinds: Kinds) -> BaseConverter:
    """A converter for plain data that has been filled: `structure(tree, Run)` gives a Run, or raises Refused."""
    converter = BaseConverter(detailed_validation=False)
    for scalar, hook in _SCALAR_HOOKS.items():
        converter.register_structure_hook(scalar, hook)
    converter.register_structure_hook_func(lambda annotation: _origin(annotation) is Literal, as_literal)

    def table_hook(owner: Any, converter: BaseConverter) -> Hook:
        return _table_hook(owner, converter, kinds)

    def component_hook(annotation: Any, converter: BaseConverter) -> Hook:
        return _component_hook(annotation, converter, kinds)

    def register(predicate: Callable[[Any], bool], factory: Callable[[Any, BaseConverter], Hook]) -> None:
        converter.register_structure_hook_factory(predicate, factory)

    register(lambda annotation: _origin(annotation) is tuple, _list_hook)
    register(lambda annotation: _origin(annotation) in (dict, Mapping), _named_hook)
    register(_is_optional, _optional_hook)
    register(attrs.has, table_hook)
    register(
        lambda annotation: annotation in kinds, component_hook
    )  # asked first: one class can be a union of one kind
    return converter


def _table_hook(owner: Any, converter: BaseConverter, kinds: Kinds) -> Hook:
    fields = [(field.name, *_hook_of(field, converter, kinds), field.type) for field in attrs.fields(owner)]
    return partial(_as_table, owner, fields)


def _as_table(owner: Any, fields: Iterable[tuple[str, Hook, type | None, Any]], table: Any, _: Any) -> Any:
    if type(table) is not dict:
        raise _mismatch("a table", table)
    values: Tree = {}
    faults: list[Fault] | None = None
    for name, hook, exact, annotation in fields:
        value = table.get(name)
        if type(value) is exact:
            values[name] = value
        elif value is not None:
            try:
                values[name] = hook(value, annotation)
            except Refused as refused:
                faults = (faults or []) + refused.below(name)
    if faults is None:
        try:
            return owner(**values)
        except (ValueError, TypeError) as error:
            from falsework.failing import failing, fault_of

            raise Refused(failing(owner, values) or [fault_of(error)]) from error
    from falsework.failing import failing

    raise Refused(faults + failing(owner, values))


def _hook_of(field: attrs.Attribute[Any], converter: BaseConverter, kinds: Kinds) -> tuple[Hook, type | None]:
    """A field's hook, and the type whose values do not need it, as half of the time is in calling hooks.

    Most are what the converter would find too, after asking all that it knows.
    """
    annotation: Any = field.type
    if field.name.endswith(VARIABLE_SUFFIX):
        return as_variable_name, None
    scalar = annotation if isinstance(annotation, type) else _inner(annotation) if _is_optional(annotation) else None
    if (hook := _SCALAR_HOOKS.get(scalar)) is not None:
        return hook, scalar if scalar in (bool, float, str) else None  # an int has to fit 64 bits, a path is made
    if isinstance(annotation, type) and annotation not in kinds and attrs.has(annotation):
        return _table_hook(annotation, converter, kinds), None
    return converter.get_structure_hook(annotation), None


def _component_hook(union: Any, converter: BaseConverter, kinds: Kinds) -> Hook:
    named = kinds[union]
    hooks = {kind: (_table_hook(owner, converter, kinds), owner) for kind, owner in named.items()}

    def structure(table: Any, _: Any) -> Any:
        if type(table) is not dict:
            from falsework.mismatch import no_component  # only a mistake needs it, and so below

            raise no_component(table, named)
        hook, owner = hooks[table["kind"]]
        return hook(table, owner)

    return structure


def _named_hook(annotation: Any, converter: BaseConverter) -> Hook:
    item = get_args(annotation)[1]
    hook = converter.get_structure_hook(item)

    def structure(table: Any, _: Any) -> Any:
        if type(table) is not dict:
            raise _mismatch("a table of named entries", table)
        return _gather((name, value, hook, item) for name, value in table.items())

    return structure


def _list_hook(annotation: Any, converter: BaseConverter) -> Hook:
    items = [item for item in get_args(annotation) if item is not ...]
    is_open = ... in get_args(annotation)
    hooks = [(converter.get_structure_hook(item), item) for item in items]

    def structure(values: Any, _: Any) -> Any:
        if type(values) is not list:
            raise _mismatch("a list", values)
        if not is_open and len(values) != len(hooks):
            raise Refused([Fault(f"expected a list of {len(hooks)}, got one of {len(values)}")])
        hooks_in_order = hooks * len(values) if is_open else hooks
        try:
            return tuple([hook(value, item) for value, (hook, item) in zip(values, hooks_in_order, strict=True)])
        except Refused:  # once more, for the faults of all elements
            return tuple(_gather((i, value, *hooks_in_order[i]) for i, value in enumerate(values)).values())

    return structure


def _gather(entries: Iterable[tuple[str | int, Any, Hook, Any]]) -> dict[Any, Any]:
    """Structure each (key, value, hook, type); raise the faults of all of them at once."""
    values, faults = {}, []
    for key, value, hook, annotation in entries:
        try:
            values[key] = hook(value, annotation)
        except Refused as refused:
            faults.append(refused.below(key))
            if len(faults) == MAX_FAULTS:  # no list that somebody wrote: each takes 60 us to be told
                break
    if faults:
        raise Refused(fault for group in faults for fault in group)
    return values


def _optional_hook(annotation: Any, converter: BaseConverter) -> Hook:
    """None is absence, so a value that is there is of the other type."""
    inner = _inner(annotation)
    hook = converter.get_structure_hook(inner)
    return lambda value, _: hook(value, inner)


def _inner(optional: Any) -> Any:
    """What an optional is when it is not None."""
    return reduce(or_, [argument for argument in get_args(optional) if argument is not type(None)])


def _origin(annotation: Any) -> Any:
    """`get_origin`, whose declared type is narrower than what annotations are."""
    return get_origin(annotation)


def _is_optional(annotation: Any) -> bool:
    return (
        not isinstance(annotation, type)
        and _origin(annotation) in (Union, UnionType)
        and type(None) in get_args(annotation)
    )


def _mismatch(expected: str, value: Any) -> Refused:
    from falsework.mismatch import mismatch

    return mismatch(expected, value)
