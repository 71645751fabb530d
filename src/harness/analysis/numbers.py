"""Numbers as a table shows them: four digits that count, no noise."""

import math
from typing import Any

from harness.rows import finite

BLANK = ""  # what is not there


def short(value: Any) -> str:
    """A number with four significant digits, thousands separated; words as they are; nothing for None."""
    if value is None:
        return BLANK
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return str(finite(value))
    if isinstance(value, int) or (abs(value) >= 10_000 and value.is_integer()):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def signed(value: float | None) -> str:
    """A difference, with its sign."""
    if value is None:
        return BLANK
    if not math.isfinite(value):
        return str(finite(value))
    if value == 0:
        return "0"
    return f"{value:+.3f}" if 0.0005 <= abs(value) < 1000 else f"{value:+.2g}"


def duration(seconds: float | None) -> str:
    """How long something took: 45 s, 4.5 min, 3.2 h, 2.1 d."""
    if seconds is None or not math.isfinite(seconds):
        return BLANK
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.1f} min"
    if seconds < 72 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} d"
