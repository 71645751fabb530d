"""What is said about a name that nothing has: the nearest one that something has."""

from collections.abc import Collection
from difflib import get_close_matches

from harness.launch import Refused

MAX_NAMES_SHOWN = 6


def unknown(what: str, name: str, known: Collection[str], *, where: str = "") -> Refused:
    """The refusal of an unknown run, metric or hyperparameter, with the nearest name as its mend."""
    near = get_close_matches(name, known, n=1, cutoff=0.5) or [key for key in sorted(known) if name in key][:1]
    if near:
        mend = f"did you mean {near[0]}?"
    elif known:
        shown = sorted(known)[:MAX_NAMES_SHOWN]
        mend = f"there is {', '.join(shown)}" + (
            f" and {len(known) - len(shown)} more" if len(known) > len(shown) else ""
        )
    else:
        mend = "there is none at all"
    return Refused(f"no {what} {name}{where}\n  help: {mend}")
