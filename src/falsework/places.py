"""Paths, which name what a config holds, and spans, which say where in a text it stands."""

from typing import NamedTuple

Path = tuple[str | int, ...]  # table names, keys and list positions, from the root

MAX_DEPTH = 64  # tables and lists within each other; no schema goes deeper than a handful


class Lost(ValueError):
    """The text is not TOML, as far as the scanner can tell."""


class Span(NamedTuple):
    """Half-open range of character offsets."""

    start: int
    end: int
