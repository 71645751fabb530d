"""Single values, strictly: each hook takes its own type and converts nothing, and says what it expected instead.

int is int (never a boolean), float takes int or float, a path is written as a string.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Any, NamedTuple, get_args

from falsework.places import Path

_VARIABLE_NAME = r"[A-Z_][A-Z0-9_]{0,63}"


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


def as_boolean(value: Any, _: Any) -> bool:
    """True or false, without quotes."""
    if type(value) is bool:
        return value
    from falsework.mismatch import no_boolean  # only a mistake needs it, and so below

    raise no_boolean(value)


def as_integer(value: Any, _: Any) -> int:
    """A whole number, without point and quotes, of the 64 bits that TOML promises and torch takes."""
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    from falsework.mismatch import no_integer

    raise no_integer(value)


def as_number(value: Any, _: Any) -> float:
    """Any number, as a float."""
    if type(value) is float:
        return value
    if type(value) is int:
        with suppress(OverflowError):
            return float(value)
    from falsework.mismatch import no_number

    raise no_number(value)


def as_string(value: Any, _: Any) -> str:
    """Text in quotes."""
    if type(value) is str:
        return value
    from falsework.mismatch import no_string

    raise no_string(value)


def as_variable_name(value: Any, _: Any) -> str:
    """The name of an environment variable; what stands in the variable is not for configs."""
    if type(value) is str and re.fullmatch(_VARIABLE_NAME, value):
        return value
    from falsework.mismatch import no_variable_name

    raise no_variable_name(value)


def as_path(value: Any, _: Any) -> FilePath:
    """Text in quotes, as a path."""
    if type(value) is str:
        return FilePath(value)
    from falsework.mismatch import mismatch

    raise mismatch("a path in quotes", value)


def as_literal(value: Any, annotation: Any) -> Any:
    """One of the options."""
    options = get_args(annotation)
    for option in options:
        if type(option) is type(value) and option == value:
            return option
    from falsework.mismatch import no_option

    raise no_option(value, options)
