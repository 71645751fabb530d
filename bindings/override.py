"""Functional overrides: a new object that differs from a frozen one in what is named, at any depth.

    override(run, model=override(width=512))              arguments of what is there
    override(run, optimizer=Muon(lr=0.02))                another part in its place
    override(run, eval=override(completions=UNSET))       a named part away; a field back to its default

Nothing is changed in place and nothing is remembered. mypy knows the result's type but not the names, so names and
types are checked here, each refusal with its path and the nearest name. Values are not computed from each other: what
one would tie in TOML is a local variable of the experiment.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Any, Final, TypeVar, get_args, overload

import attrs

from bindings.fields import Misfit
from bindings.plain import checked, located, made, present

T = TypeVar("T")
Path = tuple[str, ...]


class Unset(Enum):
    """The type of UNSET, with nothing else in it."""

    UNSET = "UNSET"


UNSET: Final = Unset.UNSET


@attrs.frozen
class Override:
    """Changes that still look for the object that they are for."""

    changes: Mapping[str, Any]


@overload
def override(target: T, /, **changes: Any) -> T: ...


@overload
def override(**changes: Any) -> Override: ...


def override(*target: Any, **changes: Any) -> Any:
    """The target with the changes, or, without a target, changes to hand to another `override`.

    Raises Misfit for an unknown name, a value of another type, and what the class's own validators refuse.
    """
    if not target:
        return Override(changes)
    if len(target) > 1 or not attrs.has(type(target[0])):
        raise TypeError("override(OBJECT, name=value, ...): one config object, then names")
    try:
        return _object_with(target[0], changes, ())
    except Misfit as misfit:
        raise Misfit(located(misfit)) from misfit


def _object_with(target: Any, changes: Mapping[str, Any], path: Path) -> Any:
    owner = type(target)
    fields = attrs.fields_dict(owner)
    values = {name: getattr(target, name) for name in fields}
    for name, change in changes.items():
        if name not in fields:
            raise Misfit(f"{owner.__name__} has no such field{_hint(name, target)}", path=(*path, name))
        if change is not UNSET:
            values[name] = _changed(values[name], change, fields[name].type, (*path, name))
        elif fields[name].default is attrs.NOTHING:
            raise Misfit(f"{owner.__name__} has no default for it, so it cannot be unset", path=(*path, name))
        else:
            del values[name]
    return made(owner, values, path)


def _named_with(parts: Mapping[str, Any], changes: Mapping[str, Any], annotation: Any, path: Path) -> dict[str, Any]:
    """Parts that the user names: changed, added and taken away by name."""
    values = dict(parts)
    for name, change in changes.items():
        if name not in parts and (change is UNSET or isinstance(change, Override)):
            raise Misfit(f"nothing has this name{_near(name, parts)}", path=(*path, name))
        if change is UNSET:
            del values[name]
        else:
            values[name] = _changed(parts.get(name), change, get_args(annotation)[1], (*path, name))
    return values


def _changed(value: Any, change: Any, annotation: Any, path: Path) -> Any:
    if not isinstance(change, Override):
        return checked(change, annotation, path)
    if isinstance(value, Mapping):
        return _named_with(value, change.changes, present(annotation), path)
    if not attrs.has(type(value)):
        raise Misfit(f"is {value!r}, which has no fields to override: give a whole value", path=path)
    return _object_with(value, change.changes, path)


def _hint(name: str, target: Any) -> str:
    """What may have been meant: a field of a like name, or one of this name in a table below."""
    if name == "kind":
        return ": for another kind, give an object of its class"
    fields = attrs.fields_dict(type(target))
    near = _near(name, fields)
    for field in fields:
        below = getattr(target, field)
        if not near and attrs.has(type(below)) and name in attrs.fields_dict(type(below)):
            return f"; {name} belongs to {field}: {field}=override({name}=...)"
    return near


def _near(name: str, names: Mapping[str, Any]) -> str:
    nearest = get_close_matches(name, names, n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""
