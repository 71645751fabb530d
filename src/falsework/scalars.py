"""Single values, strictly: each hook takes its own type and converts nothing, and says what it expected instead.

int is int (never a boolean), float takes int or float, a path is written as a string.
"""

import re
from collections.abc import Iterable
from pathlib import Path as FilePath
from typing import Any, NamedTuple, get_args

from falsework.defaults import Broken
from falsework.paths import quoted
from falsework.places import Path
from falsework.problems import describe, nearest

_UNITS = {"%": 0.01, "k": 1e3, "m": 1e6, "b": 1e9}
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
    raise mismatch("true or false", value, value if value in ("true", "false") else "", "without quotes")


def as_integer(value: Any, _: Any) -> int:
    """A whole number, without point and quotes."""
    if type(value) is int:
        if -(2**63) <= value < 2**63:
            return value
        raise mismatch("a whole number of 64 bits", value)  # all that TOML promises, and torch takes
    if type(value) is float and value.is_integer():
        raise mismatch("a whole number", value, str(int(value)), "without a point or exponent")
    raise mismatch("a whole number", value, _bare_number(value, int), "without quotes")


def as_number(value: Any, _: Any) -> float:
    """Any number, as a float."""
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise mismatch("a number that a float can hold", value) from None
    raise mismatch("a number", value, _bare_number(value, float), "without quotes")


def as_string(value: Any, _: Any) -> str:
    """Text in quotes."""
    if type(value) is str:
        return value
    is_scalar = type(value) in (int, float, bool)
    raise mismatch("a string", value, quoted(_spelled(value)) if is_scalar else "", "in quotes")


def as_variable_name(value: Any, _: Any) -> str:
    """The name of an environment variable; what stands in the variable is not for configs."""
    if value is Broken:
        raise Refused([])
    if type(value) is str and re.fullmatch(_VARIABLE_NAME, value):
        return value
    what = "expected the name of an environment variable, in capitals"
    mend = "write the name, like WANDB_API_KEY; a secret itself never stands in a config"
    raise Refused([Fault(what, (), mend, is_secret=True)])


def as_path(value: Any, _: Any) -> FilePath:
    """Text in quotes, as a path."""
    if type(value) is str:
        return FilePath(value)
    raise mismatch("a path in quotes", value)


def as_literal(value: Any, annotation: Any) -> Any:
    """One of the options."""
    options = get_args(annotation)
    for option in options:
        if type(option) is type(value) and option == value:
            return option
    names = [_spelled(option) for option in options]
    near = nearest(value, names, cutoff=0.7) if type(value) is str else None  # gpu is two thirds of cpu
    mend = f"did you mean {near}?" if near else ""
    listed = " or ".join(quoted(option) if isinstance(option, str) else _spelled(option) for option in options)
    raise mismatch(listed, value, mend)


def mismatch(expected: str, value: Any, mend: str = "", note: str = "") -> Refused:
    """The refusal; of nothing new when the value has been reported before."""
    if value is Broken:
        return Refused([])
    if expected == "a list" and not isinstance(value, dict):
        mend, note = f"[{quoted(value) if isinstance(value, str) else _spelled(value)}]", "in brackets"
    if isinstance(value, dict):
        from falsework.profiles import meant_directive  # only a mistake needs it

        directive = meant_directive(value)
        mend, note = (directive, "with the _") if directive else (mend, note)
    if isinstance(value, str) and not mend:
        mend, note = from_elsewhere(value), ""
    return Refused([Fault(f"expected {expected}, got {describe(value)}", (), mend, note if mend else "")])


def _bare_number(value: Any, number: type) -> str:
    """The number that a string spells, if it does; `10k` and `10%` are 10000 and 0.1."""
    try:
        if not isinstance(value, str):
            return ""
        unit = _UNITS.get(value[-1:].lower())
        scaled = number(value) if unit is None else float(value[:-1]) * unit
        return str(number(scaled)) if number(scaled) == scaled else ""
    except (ValueError, OverflowError):
        return ""


def from_elsewhere(value: str) -> str:
    """The mend for what other config languages write: a null in quotes, an interpolation, a formula."""
    if value.lower() in ("none", "null"):
        return "there is no null: leave the key out; what a base says is taken back by { _unset = true }"
    if value == "???":
        return "leave the key out: some layer has to set what has no default"
    if read := re.fullmatch(r"\$\{([\w.]+)\}|%([\w.]+)", value):
        return f'write {{ _ref = "{read[1] or read[2]}" }}'
    formula = re.sub(r"\$\{(?:eval:)?|\}", "", value)
    return f'write {{ _expr = "{formula}" }}' if _is_formula(formula) else ""


def _is_formula(text: str) -> bool:
    """Whether `_expr` takes this text, and there is something in it to be computed from other values."""
    from falsework.formulas import Wrong, parse  # only a mistake needs it

    try:
        parse(text)
    except Wrong:
        return False
    return re.search(r"[\w.]+\s*[-+*/%]|\w\(", text) is not None and re.search(r"[a-z]\w*\.\w", text) is not None


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
