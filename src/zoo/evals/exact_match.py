"""Is the first line of the completion the answer, blanks around it aside?"""

from collections.abc import Mapping
from typing import Any

SCORES = {"exact": {"field": "exact", "higher_is_better": True}}


def score(question: Mapping[str, Any], completion: str) -> dict[str, Any]:
    """One field, whether it is the same as question["answer"]."""
    return {"exact": completion.strip().partition("\n")[0].strip() == str(question["answer"]).strip()}
