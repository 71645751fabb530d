"""Plain data -> frozen attrs objects, by cattrs with hooks that convert nothing.

    structure(tree, root) -> the object, or Refused with every fault

What a single value may be is scalars.py's business; cattrs' own defaults would turn "false" into True. A BaseConverter
generates no code, which halves a cold start. Validators run when attrs makes the object; only after one fails are they
asked one by one, so that every fault is reported.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from operator import or_
from pathlib import Path as FilePath
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs
from cattrs import BaseConverter

from falsework.layer import Tree
from falsework.paths import quoted
from falsework.problems import nearest
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
    mismatch,
)
from falsework.schema import VARIABLE_SUFFIX, Kinds

# How attrs' own validators begin and end; the name stands in front of the message already.
_BOUND = r"^(?:(Length) of )?'\w+' must be ([<>]=? [^:]+): (.*)$"
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

    def structure(table: Any, _: Any) -> Any:
        if type(table) is not dict:
            raise mismatch("a table", table)
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
                raise Refused(_failing(owner, values) or [_fault_of(error)]) from error
        raise Refused(faults + _failing(owner, values))

    return structure


def _hook_of(field: "attrs.Attribute[Any]", converter: BaseConverter, kinds: Kinds) -> tuple[Hook, type | None]:
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


def _failing(owner: Any, values: Tree) -> list[Fault]:
    """The faults that each validator finds by itself, on an instance that holds the values but was never checked."""
    instance = owner.__new__(owner)
    for name, value in values.items():
        object.__setattr__(instance, name, value)
    faults = []
    for attribute in attrs.fields(owner):
        if attribute.validator is None or attribute.name not in values:
            continue
        for validator in getattr(
            attribute.validator, "_validators", [attribute.validator]
        ):  # of one that joins several
            try:
                validator(instance, attribute, values[attribute.name])
            except (ValueError, TypeError) as error:
                faults += Refused([_fault_of(error)]).below(attribute.name)
            except AttributeError:
                continue  # it looks at another field, which has a fault of its own
    return faults


def _fault_of(error: ValueError | TypeError) -> Fault:
    """What a validator said; a `path` on its exception points at names below the validated value."""
    said = str(error.args[0]) if error.args else type(error).__name__
    what = re.sub(_BOUND, lambda match: f"{'has to hold' if match[1] else 'must be'} {match[2]}, got {match[3]}", said)
    return Fault(what, tuple(getattr(error, "path", ())))


def _as_a_table(value: Any, kinds: Mapping[str, type]) -> str:
    """The mend for what stands where a table with a kind should."""
    if type(value) is list:
        return "several tables have names: [TABLE.NAME] for each of them, never [[TABLE]]"
    kind = nearest(value.lower(), kinds) if type(value) is str else None
    return f"write {{ kind = {quoted(kind)} }}" if kind else f"write {{ kind = {' or '.join(map(quoted, kinds))} }}"


def _component_hook(union: Any, converter: BaseConverter, kinds: Kinds) -> Hook:
    named = kinds[union]
    hooks = {kind: (_table_hook(owner, converter, kinds), owner) for kind, owner in named.items()}

    def structure(table: Any, _: Any) -> Any:
        if type(table) is not dict:
            raise mismatch("a table with a kind", table, _as_a_table(table, named))
        hook, owner = hooks[table["kind"]]
        return hook(table, owner)

    return structure


def _named_hook(annotation: Any, converter: BaseConverter) -> Hook:
    item = get_args(annotation)[1]
    hook = converter.get_structure_hook(item)

    def structure(table: Any, _: Any) -> Any:
        if type(table) is not dict:
            raise mismatch("a table of named entries", table)
        return _gather((name, value, hook, item) for name, value in table.items())

    return structure


def _list_hook(annotation: Any, converter: BaseConverter) -> Hook:
    items = [item for item in get_args(annotation) if item is not ...]
    is_open = ... in get_args(annotation)
    hooks = [(converter.get_structure_hook(item), item) for item in items]

    def structure(values: Any, _: Any) -> Any:
        if type(values) is not list:
            raise mismatch("a list", values)
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
