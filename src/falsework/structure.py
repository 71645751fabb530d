"""Plain data -> frozen attrs objects, by cattrs with hooks that convert nothing.

    structure(tree, root) -> the object, or Refused with every fault

int is int (never a boolean), float takes int or float, a path is written as a string; nothing else converts. cattrs'
own defaults would turn "false" into True. A BaseConverter generates no code, which halves a cold start. Validators run
when attrs makes the object; only after one fails are they asked one by one, so that every fault is reported.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from operator import or_
from pathlib import Path as FilePath
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import attrs
from cattrs import BaseConverter

from falsework.defaults import Broken
from falsework.layer import Tree
from falsework.paths import quoted
from falsework.places import Path
from falsework.problems import describe, did_you_mean
from falsework.schema import VARIABLE_SUFFIX, Kinds

Hook = Callable[[Any, Any], Any]

_VARIABLE_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")


class Fault(NamedTuple):
    """One value that will not do. `mend` is what to write instead, `note` says how it differs.

    A value that may be a secret is never shown: it stands where the name of an environment variable should.
    """

    what: str
    path: Path = ()
    mend: str = ""
    note: str = ""
    is_secret: bool = False

    def help(self, path: Path) -> str:
        """The help line for the value at `path`."""
        if not self.mend or not self.note:
            return self.mend
        key = f"{path[-1]} = " if isinstance(path[-1], str) else ""
        return f"write {key}{self.mend}, {self.note}"


class Refused(Exception):
    """Values that do not fit; empty when their problems have been reported before."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        super().__init__()
        self.faults = list(faults)

    def below(self, key: str | int) -> list[Fault]:
        """The faults as seen from one table or list above."""
        return [fault._replace(path=(key, *fault.path)) for fault in self.faults]


def strict_converter(kinds: Kinds) -> BaseConverter:
    """A converter for plain data that has been filled: `structure(tree, Run)` gives a Run, or raises Refused."""
    converter = BaseConverter(detailed_validation=False)
    for scalar, hook in ((bool, _boolean), (int, _integer), (float, _number), (str, _string), (FilePath, _path)):
        converter.register_structure_hook(scalar, hook)
    converter.register_structure_hook_func(lambda annotation: _origin(annotation) is Literal, _literal)

    def component_hook(annotation: Any, converter: BaseConverter) -> Hook:
        return _component_hook(kinds[annotation], converter)

    def register(predicate: Callable[[Any], bool], factory: Callable[[Any, BaseConverter], Hook]) -> None:
        converter.register_structure_hook_factory(predicate, factory)

    register(lambda annotation: _origin(annotation) is tuple, _list_hook)
    register(lambda annotation: _origin(annotation) in (dict, Mapping), _named_hook)
    register(_is_optional, _optional_hook)
    register(attrs.has, _table_hook)
    register(
        lambda annotation: annotation in kinds, component_hook
    )  # asked first: one class can be a union of one kind
    return converter


def _table_hook(owner: Any, converter: BaseConverter) -> Hook:
    fields = [(field.name, _hook_of(field, converter), field.type) for field in attrs.fields(owner)]

    def structure(table: Any, _: Any) -> Any:
        if type(table) is not dict:
            raise _mismatch("a table", table)
        values: Tree = {}
        faults: list[Fault] | None = None
        for name, hook, annotation in fields:
            value = table.get(name)
            if value is not None:
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


def _hook_of(field: "attrs.Attribute[Any]", converter: BaseConverter) -> Hook:
    return _variable_name if field.name.endswith(VARIABLE_SUFFIX) else converter.get_structure_hook(field.type)


def _failing(owner: Any, values: Tree) -> list[Fault]:
    """The faults that each validator finds by itself, on an instance that holds the values but was never checked."""
    instance = owner.__new__(owner)
    for name, value in values.items():
        object.__setattr__(instance, name, value)
    faults = []
    for attribute in attrs.fields(owner):
        name = attribute.name
        if attribute.validator is None or name not in values:
            continue
        try:
            attribute.validator(instance, attribute, values[name])
        except (ValueError, TypeError) as error:
            fault = _fault_of(error)
            faults.append(fault._replace(path=(name, *fault.path)))
        except AttributeError:
            continue  # it looks at another field, which has a fault of its own
    return faults


def _fault_of(error: ValueError | TypeError) -> Fault:
    """What a validator said; a `path` on its exception points at names below the validated value."""
    return Fault(str(error.args[0]) if error.args else type(error).__name__, tuple(getattr(error, "path", ())))


def _component_hook(kinds: Mapping[str, type], converter: BaseConverter) -> Hook:
    hooks = {kind: (_table_hook(owner, converter), owner) for kind, owner in kinds.items()}

    def structure(table: Any, _: Any) -> Any:
        if type(table) is not dict:
            raise _mismatch("a table with a kind", table)
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
    if faults:
        raise Refused(fault for group in faults for fault in group)
    return values


def _optional_hook(annotation: Any, converter: BaseConverter) -> Hook:
    """None is absence, so a value that is there is of the other type."""
    inner = reduce(or_, [argument for argument in get_args(annotation) if argument is not type(None)])
    hook = converter.get_structure_hook(inner)
    return lambda value, _: hook(value, inner)


def _boolean(value: Any, _: Any) -> bool:
    if type(value) is bool:
        return value
    raise _mismatch("true or false", value, value if value in ("true", "false") else "", "without quotes")


def _integer(value: Any, _: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        raise _mismatch("a whole number", value, str(int(value)), "without a point or exponent")
    raise _mismatch("a whole number", value, _bare_number(value, int), "without quotes")


def _number(value: Any, _: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise _mismatch("a number that a float can hold", value) from None
    raise _mismatch("a number", value, _bare_number(value, float), "without quotes")


def _string(value: Any, _: Any) -> str:
    if type(value) is str:
        return value
    is_scalar = type(value) in (int, float, bool)
    raise _mismatch("a string", value, quoted(_spelled(value)) if is_scalar else "", "in quotes")


def _variable_name(value: Any, _: Any) -> str:
    """The name of an environment variable; what stands in the variable is not for configs."""
    if value is Broken:
        raise Refused([])
    if type(value) is str and _VARIABLE_NAME.fullmatch(value):
        return value
    what = "expected the name of an environment variable, in capitals"
    mend = "write the name, like WANDB_API_KEY; a secret itself never stands in a config"
    raise Refused([Fault(what, (), mend, is_secret=True)])


def _path(value: Any, _: Any) -> FilePath:
    if type(value) is str:
        return FilePath(value)
    raise _mismatch("a path in quotes", value)


def _literal(value: Any, annotation: Any) -> Any:
    options = get_args(annotation)
    for option in options:
        if type(option) is type(value) and option == value:
            return option
    names = [_spelled(option) for option in options]
    mend = did_you_mean(value, names) if type(value) is str else ""
    listed = " or ".join(quoted(option) if isinstance(option, str) else _spelled(option) for option in options)
    raise _mismatch(listed, value, mend)


def _mismatch(expected: str, value: Any, mend: str = "", note: str = "") -> Refused:
    if value is Broken:
        return Refused([])
    if expected == "a list" and not isinstance(value, dict):
        mend, note = f"[{quoted(value) if isinstance(value, str) else _spelled(value)}]", "in brackets"
    return Refused([Fault(f"expected {expected}, got {describe(value)}", (), mend, note if mend else "")])


def _bare_number(value: Any, number: type) -> str:
    """The number that a string spells, if it does."""
    try:
        return str(number(value)) if isinstance(value, str) else ""
    except ValueError:
        return ""


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _origin(annotation: Any) -> Any:
    """`get_origin`, whose declared type is narrower than what annotations are."""
    return get_origin(annotation)


def _is_optional(annotation: Any) -> bool:
    return _origin(annotation) in (Union, UnionType) and type(None) in get_args(annotation)
