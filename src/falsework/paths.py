"""Paths into a config: tuples of table names, keys and list positions, and the dotted form in which people write them.

Refuses to know what lies at a path; it only spells it.
"""

from __future__ import annotations

import re

from falsework.places import Lost, Path

# Patterns, and not compiled: loading a correct config needs none of them.
_BARE = r"[A-Za-z0-9_-]+"
_MUST_ESCAPE = r'["\\\x00-\x1f\x7f]'


def quoted(text: str) -> str:
    """The text as a TOML basic string."""
    return '"' + re.sub(_MUST_ESCAPE, _escape, text) + '"'


def spelled_key(name: str) -> str:
    """The name as a key: in quotes where it has to be."""
    return name if re.fullmatch(_BARE, name) else quoted(name)


def dotted(path: Path) -> str:
    """The path as one would write it in TOML; list positions in brackets: `data.mix."a b".weights[2]`."""
    spelled = ""
    for part in path:
        if isinstance(part, int):
            spelled += f"[{part}]"
        else:
            spelled += f".{spelled_key(part)}" if spelled else spelled_key(part)
    return spelled


def parse_dotted(text: str) -> Path | None:
    """The path that a dotted key spells, quoted parts as in TOML; None when it is no dotted key."""
    from falsework.scan import read_key  # only ties, formulas and tools spell paths

    try:
        parts, end = read_key(text, 0)
    except Lost:
        return None
    return tuple(name for name, _ in parts) if end == len(text) else None


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in '"\\':
        return "\\" + character
    return f"\\u{ord(character):04x}"
