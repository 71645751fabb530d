"""Experiment names for tests of what falsework asks of names: `PARENT_CHANGE_NUMBER`, a root without parent."""

import sys
from types import ModuleType
from typing import NamedTuple

from falsework.naming import Naming


class Name(NamedTuple):
    """The parts of a name."""

    parent: int | None
    change: str
    number: int


def parse_name(experiment: str) -> Name | None:
    """`22_lr_001_23` or `01_base`; other names are not numbered."""
    first, *words = experiment.split("_")
    if not first.isdecimal() or not words:
        return None
    if words[-1].isdecimal() and len(words) > 1:
        return Name(int(first), "_".join(words[:-1]), int(words[-1]))
    return Name(None, "_".join(words), int(first))


def child_name(parent: int, change: str, number: int) -> str:
    """As `parse_name` reads it; a change has no blanks."""
    if " " in change:
        raise ValueError(f"{change!r} is no name")
    return f"{parent:02}_{change}_{number:02}"


def naming() -> Naming:
    """This module, as falsework wants to be told of names."""
    module: ModuleType = sys.modules[__name__]
    told: Naming = module  # its functions are the protocol's
    return told
