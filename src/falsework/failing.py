"""What attrs' validators have against the values of an object, each asked by itself so that every fault is told."""

import re
from typing import Any

import attrs

from falsework.layer import Tree
from falsework.scalars import Fault, Refused

# How attrs' own validators begin and end; the name stands in front of the message already.
_BOUND = r"^(?:(Length) of )?'\w+' must be ([<>]=? [^:]+): (.*)$"


def failing(owner: Any, values: Tree) -> list[Fault]:
    """The faults that each validator finds by itself, on an instance that holds the values but was never checked."""
    instance = owner.__new__(owner)
    for name, value in values.items():
        object.__setattr__(instance, name, value)
    faults = []
    for attribute in attrs.fields(owner):
        if attribute.validator is None or attribute.name not in values:
            continue
        for validator in getattr(attribute.validator, "_validators", [attribute.validator]):  # it may join several
            try:
                validator(instance, attribute, values[attribute.name])
            except (ValueError, TypeError) as error:
                faults += Refused([fault_of(error)]).below(attribute.name)
            except (AttributeError, ZeroDivisionError):
                continue  # it looks at a field, another or this one, which has a fault of its own
    return faults


def fault_of(error: ValueError | TypeError) -> Fault:
    """What a validator said; a `path` on its exception points at names below the validated value."""
    said = str(error.args[0]) if error.args else type(error).__name__
    what = re.sub(_BOUND, lambda match: f"{'has to hold' if match[1] else 'must be'} {match[2]}, got {match[3]}", said)
    return Fault(what, tuple(getattr(error, "path", ())))
