"""Questions of an eval as JSON Lines: {"id": "a1", ...}, one a line, each id once. Starts without torch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MAX_QUESTIONS = 1_000_000


def read_questions(path: Path, fields: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The questions of a file, in order. ValueError, with file and line, for what is wrong in it."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read ({error})") from error
    questions: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip():
            question = _question(line, f"{path}:{number}", fields)
            if question["id"] in questions:
                raise ValueError(f"{path}:{number}: the id {question['id']!r} is there already; each may be there once")
            questions[question["id"]] = question
    if not 0 < len(questions) <= MAX_QUESTIONS:
        raise ValueError(f"{path}: {len(questions)} questions; between 1 and {MAX_QUESTIONS:,} are possible")
    return list(questions.values())


def fill(template: str, question: dict[str, Any]) -> str:
    """The template with {field} replaced. ValueError for a field that the question has not."""
    try:
        return template.format_map(question)
    except (LookupError, AttributeError, ValueError) as error:
        raise ValueError(
            f"the prompt {template!r} does not fit the question {question['id']!r}: {type(error).__name__} {error}; "
            f"it has {', '.join(question)} (braces that are text are doubled)"
        ) from error


def _question(line: str, place: str, fields: Sequence[str]) -> dict[str, Any]:
    try:
        question = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{place}: not JSON ({error})") from error
    if not isinstance(question, dict) or not isinstance(question.get("id"), str) or not question["id"]:
        raise ValueError(f'{place}: needs an "id" that is a string')
    if missing := [name for name in fields if name not in question]:
        raise ValueError(f"{place}: has no {', '.join(map(repr, missing))}")
    return question
