"""Plain values made to fit a column of SQL: what does not fit becomes NULL, so that one odd file never fails a query.

Nothing is converted that a person would not call the same: no text becomes a number but NaN and the infinities.
"""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

from harness.rows import WORDS, finite

BOUNDS = {"BIGINT": 2**63, "INTEGER": 2**31}
EXACT: dict[str, set[type]] = {
    "VARCHAR": {str, type(None)},
    "JSON": {str, type(None)},
    "DOUBLE": {float, type(None)},
    "BOOLEAN": {bool, type(None)},
    "BIGINT": {int, type(None)},
    "INTEGER": {int, type(None)},
}


def fitted(kind: str, values: list[Any]) -> list[Any]:
    """The values of one column."""
    if set(map(type, values)) <= EXACT.get(kind, set()) and _are_within(values, BOUNDS.get(kind)):
        return values
    return [None if value is None else FIT[kind](value) for value in values]


def _are_within(values: list[Any], bound: int | None) -> bool:
    numbers = list(filter(None, values)) if bound else []
    return bound is None or not numbers or -bound <= min(numbers) <= max(numbers) < bound


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(finite(value), ensure_ascii=False, allow_nan=False)


def _double(value: Any) -> float | None:
    if isinstance(value, str):
        return WORDS.get(value)
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def _whole(value: Any, bound: int) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and -bound <= value < bound else None


def _moment(value: Any) -> str | None:
    """A time in UTC without a zone, from seconds since 1970 or from its words."""
    try:
        if isinstance(value, str):
            moment = dt.datetime.fromisoformat(value)
        else:
            moment = dt.datetime.fromtimestamp(float(value), dt.UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return (moment.astimezone(dt.UTC) if moment.tzinfo else moment).replace(tzinfo=None).isoformat()


FIT: dict[str, Callable[[Any], Any]] = {
    "VARCHAR": _text,
    "JSON": _text,
    "DOUBLE": _double,
    "BIGINT": lambda value: _whole(value, BOUNDS["BIGINT"]),
    "INTEGER": lambda value: _whole(value, BOUNDS["INTEGER"]),
    "BOOLEAN": lambda value: value if isinstance(value, bool) else None,
    "TIMESTAMP": _moment,
}
