"""The name of a change, in the words that claims.py holds to be true: `lr_001_width_256`, `lr_02_muon`, `no_tied_head`.

change_of([("optimizer", "lr")], parent, child, naming) -> "lr_001"
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from falsework.claims import untruths
from falsework.config import Config
from falsework.naming import Naming
from falsework.places import Path
from falsework.schema import value_at

UNNAMED = "point"  # claims nothing
MAX_CHARACTERS = 100
MAX_DIGITS = 12  # nobody counts more zeros


def change_of(paths: Sequence[Path], parent: Config, child: Config, naming: Naming) -> str:
    """What the child changes at these paths; `point` where no true name can be made of it."""
    pairs = [(path, value_at(child.tree, path)) for path in dict.fromkeys(paths)]
    changed = [(path, value) for path, value in pairs if repr(value) != repr(value_at(parent.tree, path))]
    keys = [path[-1] for path, _ in changed]
    words = [_words(path if keys.count(path[-1]) > 1 else path[-1:], value) for path, value in changed]
    change = "_".join(sorted(words, key=lambda word: not word[-1:].isdigit()))  # a setting ends with its digits
    try:
        naming.child_name(0, change, 0)
    except ValueError:
        return UNNAMED
    return UNNAMED if len(change) > MAX_CHARACTERS or untruths(change, parent, child) else change


def _words(path: Path, value: Any) -> str:
    name = _word("_".join(map(str, path)))
    if value is None or value is False:
        return f"no_{name}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        digits = _digits(value)
        return f"{name}_{digits}" if len(digits) <= MAX_DIGITS else name
    if isinstance(value, str):
        return _word(value) if path[-1] == "kind" else f"{name}_{_word(value)}"
    return name


def _digits(value: float) -> str:
    """1e-3 is 001, 2.5 is 2_5, 128 is 128."""
    whole, _, share = format(Decimal(repr(value)), "f").partition(".")
    share = share.rstrip("0")
    return whole if not share else share if whole == "0" else f"{whole}_{share}"


def _word(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
