"""How far an eval is, in a line every few seconds, so that a long one is not taken for one that hangs."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

SECONDS_BETWEEN = 10.0

T = TypeVar("T")


def silent(_line: str) -> None:
    """Says nothing."""


def counted(rows: Iterable[T], name: str, *, done: int, total: int, say: Callable[[str], None]) -> Iterator[T]:
    """The rows as they are; of `total`, `done` were there before the first."""
    told_at = time.monotonic()
    for number, row in enumerate(rows, done + 1):
        yield row
        if number < total and time.monotonic() - told_at >= SECONDS_BETWEEN:
            told_at = time.monotonic()
            say(f"  {name}: {number:,} of {total:,} items")
