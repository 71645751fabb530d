"""Why a value is not of its type, and what to write instead: what scalars.py raises, and structure.py for tables.

The refusal says nothing new where the value has been reported before.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from falsework.defaults import Broken
from falsework.paths import quoted
from falsework.profiles import meant_directive
from falsework.report import describe, nearest
from falsework.scalars import Fault, Refused

_UNITS = {"%": 0.01, "k": 1e3, "m": 1e6, "b": 1e9}


def no_boolean(value: Any) -> Refused:
    """`true` is likely meant by "true", and by Python's "True", which tools/new_config takes for a word."""
    word = value.lower() if type(value) is str else ""
    return mismatch("true or false", value, word if word in ("true", "false") else "", "without quotes")


def no_integer(value: Any) -> Refused:
    """10.0 is no whole number in TOML, and neither is "10"."""
    if type(value) is int:
        return mismatch("a whole number of 64 bits", value)
    if type(value) is float and value.is_integer():
        return mismatch("a whole number", value, str(int(value)), "without a point or exponent")
    return mismatch("a whole number", value, _bare_number(value, int), "without quotes")


def no_number(value: Any) -> Refused:
    """An int is none where it is too large."""
    if type(value) is int:
        return mismatch("a number that a float can hold", value)
    return mismatch("a number", value, _bare_number(value, float), "without quotes")


def no_string(value: Any) -> Refused:
    """A number is none, though it could be written as one."""
    is_scalar = type(value) in (int, float, bool)
    return mismatch("a string", value, quoted(_spelled(value)) if is_scalar else "", "in quotes")


def no_variable_name(value: Any) -> Refused:
    """The value may be a secret, and is not shown."""
    if value is Broken:
        return Refused([])
    what = "expected the name of an environment variable, in capitals"
    mend = "write the name, like WANDB_API_KEY; a secret itself never stands in a config"
    return Refused([Fault(what, (), mend, is_secret=True)])


def no_option(value: Any, options: Sequence[Any]) -> Refused:
    """None of the words of a Literal."""
    names = [_spelled(option) for option in options]
    near = nearest(value, names, cutoff=0.7) if type(value) is str else None  # gpu is two thirds of cpu
    mend = f"did you mean {near}?" if near else ""
    listed = " or ".join(quoted(option) if isinstance(option, str) else _spelled(option) for option in options)
    return mismatch(listed, value, mend)


def no_component(value: Any, kinds: Mapping[str, type]) -> Refused:
    """No table where a table with a kind should stand."""
    if type(value) is list:
        mend = "several tables have names: [TABLE.NAME] for each of them, never [[TABLE]]"
    else:
        kind = nearest(value.lower(), kinds) if type(value) is str else None
        mend = f"write {{ kind = {quoted(kind) if kind else ' or '.join(map(quoted, kinds))} }}"
    return mismatch("a table with a kind", value, mend)


def mismatch(expected: str, value: Any, mend: str = "", note: str = "") -> Refused:
    """The refusal; of nothing new when the value has been reported before."""
    if value is Broken:
        return Refused([])
    if expected == "a list" and not isinstance(value, dict):
        mend, note = f"[{quoted(value) if isinstance(value, str) else _spelled(value)}]", "in brackets"
    if isinstance(value, dict):
        directive = meant_directive(value)
        mend, note = (directive, "with the _") if directive else (mend, note)
    if isinstance(value, str) and not mend:
        mend, note = _from_elsewhere(value), ""
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


def _from_elsewhere(value: str) -> str:
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
