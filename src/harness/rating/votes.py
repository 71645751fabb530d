"""One rater's presses as rows of a file: what stands after votes and undos, and what notes say.

Nothing is ever taken out of a file: an undo is a row too. A vote names the place of its pair in the schedule and stands
only if that place is the next one, so no pair is voted on twice, whoever wrote the row. The standard library alone.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeGuard, get_args

Choice = Literal["left", "right", "tie", "both_bad"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
Row = Mapping[str, Any]

TAG = re.compile(r"(?<!\S)#(\w[\w-]{0,59})")  # a word of a note that begins with #


def is_choice(word: object) -> TypeGuard[Choice]:
    """Whether this is one of the four presses."""
    return word in CHOICES


def standing(rows: Sequence[Row]) -> list[Row]:
    """The rows of the votes that no undo took back, one for each place of the schedule from the first on."""
    votes: list[Row] = []
    for row in rows:
        if row.get("event") == "vote" and row.get("index") == len(votes):
            votes.append(row)
        elif row.get("event") == "undo" and votes and row.get("index") == len(votes) - 1:
            votes.pop()
    return votes


def tags_in(rows: Sequence[Row]) -> dict[str, set[str]]:
    """The ids that the notes of a file put each #tag on."""
    found: dict[str, set[str]] = {}
    for row in rows:
        if row.get("event") == "note":
            for tag in TAG.findall(str(row.get("text", ""))):
                found.setdefault(tag, set()).add(str(row.get("id")))
    return found
