"""Problems as text, and the words that they are made of. No config that is right needs any of it.

render(problem) -> file:line:col: path: what; the source line with a caret; the help
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time

from falsework.paths import dotted, quoted
from falsework.problems import Problem

MAX_SHOWN = 50
_MAX_WIDTH = 110  # columns of a source line that are shown
_NEAR = 2_000  # columns around a caret in which secrets are looked for; far fewer are shown
_MAX_SAID = 2_000  # characters of a message, which may quote a word of any length
_MAX_STRING = 40  # characters of a string value that are quoted in a message
_UNPRINTABLE = (
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"  # compiled when it is needed
)


def report(problems: Sequence[Problem]) -> str:
    """Each problem with its source line, and a last line that counts them."""
    shown = [render(problem) for problem in problems[:MAX_SHOWN]]
    hidden = len(problems) - len(shown)
    if hidden:
        shown.append(f"and {hidden} more")
    return "\n".join([*shown, _count(problems)])


def render(problem: Problem) -> str:
    """One problem as text: `file:line:col: path: what`, the source line with a caret, the help."""
    from falsework.leaks import hidden  # only a mistake needs it

    what = f"{dotted(problem.path)}: {problem.what}" if problem.path else problem.what
    what = _short(what)
    if problem.spot is None:
        lines = [f"{visible(problem.where)}: {what}" if problem.where else what]
    else:
        place = problem.spot.place()
        lines = [f"{visible(problem.spot.layer.name)}:{place.line}:{place.col}: {what}"]
        source = problem.spot.layer.text.split("\n")[place.line - 1]
        near = slice(max(0, place.col - _NEAR), place.end + _NEAR)  # a line may be as long as a file
        source = source[: near.start] + hidden(source[near]) + source[near.stop :]
        number = str(place.line)
        shown, before, width = _cut(source, place.col - 1, place.end - 1)
        lines.append(f"  {number} | {shown}")
        lines.append(f"  {' ' * len(number)} | {' ' * before}{'^' * width}")
    lines.extend(f"  help: {_short(line)}" for line in problem.help.splitlines())
    return visible(hidden("\n".join(lines)), keep="\n")


def _short(line: str) -> str:
    return line if len(line) <= _MAX_SAID else f"{line[:_MAX_SAID]}…"


def visible(text: str, keep: str = "") -> str:
    """The text with control and direction characters as escapes, so that a file cannot write on the terminal."""
    return re.sub(_UNPRINTABLE, lambda match: match[0] if match[0] in keep else f"\\u{ord(match[0]):04x}", text)


def describe(value: object) -> str:
    """A value in words: `the string "0.1"`, `the number 3`, `a list`."""
    if isinstance(value, str):
        return f"the string {quoted(value if len(value) <= _MAX_STRING else value[: _MAX_STRING - 1] + '…')}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        is_long = isinstance(value, int) and abs(value) >= 10**_MAX_STRING
        return f"a number of over {_MAX_STRING} digits" if is_long else f"the number {value}"
    if isinstance(value, datetime | date | time):
        return f"the date or time {value}"
    return "a table" if isinstance(value, dict) else "a list"


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of `names` that the user most likely meant, if any is near; capitals are no difference."""
    from difflib import get_close_matches  # only a mistake needs it

    by_letters = {name.lower(): name for name in names}
    matches = get_close_matches(name[:100].lower(), list(by_letters), n=1, cutoff=cutoff)
    return by_letters[matches[0]] if matches else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A help line: the nearest name, or all of them when none is near and they are few."""
    names = list(names)
    near = nearest(name, names)
    if near is not None:
        return f"did you mean {near}?"
    return f"one of: {', '.join(names)}" if len(names) <= 16 else ""


def _cut(source: str, start: int, end: int) -> tuple[str, int, int]:
    """The part of a long line around the caret, escaped; how many columns stand before the caret, and its width."""
    first = max(0, min(start - _MAX_WIDTH // 3, len(source) - _MAX_WIDTH))
    last = first + _MAX_WIDTH
    before = ("… " if first else "") + visible(source[first:start])
    marked = visible(source[start : min(end, last)])
    after = visible(source[max(end, start) : last]) + (" …" if last < len(source) else "")
    return before + marked + after, len(before), max(len(marked), 1)


def _count(problems: Sequence[Problem]) -> str:
    files = {problem.spot.layer.name for problem in problems if problem.spot}
    num_files = len(files) or 1
    problem_word = "problem" if len(problems) == 1 else "problems"
    return f"{len(problems)} {problem_word} in {num_files} {'file' if num_files == 1 else 'files'}; nothing was run"
