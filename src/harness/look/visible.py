"""Text that a model wrote, as people can safely see it: nothing invisible, nothing that reorders, nothing endless.

For a page it is escaped, and control, formatting and bidirectional characters become marks that say which they are; for
a terminal the marks are plain words. It refuses to guess what was meant: the raw row stays one click away.
"""

import re
import unicodedata
from collections.abc import Callable

from markupsafe import Markup, escape

MAX_CHARACTERS = 200_000  # shown of one text at all
FOLD_FROM = 1_600  # characters; a longer text shows so many, and the rest when it is unfolded
MAX_COMBINING = 3  # accents on one letter; more of them paint over the lines around

# Controls but tab and newline, all of Unicode's format characters and invisible letters, variation selectors, tags,
# separators of lines, halves of surrogate pairs.
HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
COMBINING = (
    "\u0300-\u034e\u0350-\u036f\u0483-\u0489\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
MARKED = re.compile(f"(?P<one>[{HIDDEN}])(?P=one)*|(?<=[{COMBINING}]{{{MAX_COMBINING}}})[{COMBINING}]+")

Mark = Callable[[str, str], str]  # its short name and its full one


def visible(text: object) -> Markup:
    """The whole text as HTML, escaped, with marks."""
    return Markup(_marked(str(text), _html_mark, lambda plain: str(escape(plain))))  # noqa: S704 - escaped piece by piece


def breakable(key: object) -> Markup:
    """A key or path, which a narrow column may break after each slash and dot."""
    return Markup("<wbr>").join(map(visible, re.findall(r"[^/.]*[/.]|[^/.]+", str(key))))


def plain(text: object) -> str:
    """The text with its marks as words, for a terminal, an attribute or a title."""
    return _marked(str(text), lambda short, _: f"⟨{short}⟩", lambda piece: piece)


def folded(text: object) -> tuple[Markup, Markup, int]:
    """What is shown at once, what is folded away behind it, and how many characters are left out altogether."""
    whole = str(text)
    cut = _cut(whole)
    shown, rest = whole[:cut], whole[cut:MAX_CHARACTERS]
    return visible(shown), visible(rest), max(0, len(whole) - MAX_CHARACTERS)


def _cut(text: str) -> int:
    """Where to fold: at the end of a line if there is one near."""
    if len(text) <= FOLD_FROM * 5 // 4:
        return len(text)
    at = text.rfind("\n", FOLD_FROM // 2, FOLD_FROM)
    return at + 1 if at > 0 else FOLD_FROM


def _marked(text: str, mark: Mark, other: Callable[[str], str]) -> str:
    pieces, done = [], 0
    for match in MARKED.finditer(text):
        pieces += [other(text[done : match.start()]), mark(*_names(match))]
        done = match.end()
    pieces.append(other(text[done:]))
    return "".join(pieces)


def _names(match: re.Match[str]) -> tuple[str, str]:
    count = len(match.group())
    times = f" x{count:,}" if count > 1 else ""
    if not match["one"]:
        return f"accents{times}", "combining characters, left out"
    point = ord(match["one"])
    name = unicodedata.name(match["one"], "") or (
        "half of a surrogate pair" if 0xD800 <= point <= 0xDFFF else "control"
    )
    return f"U+{point:04X}{times}", name


def _html_mark(short: str, long: str) -> str:
    return f'<span class="hidden-character" title="{escape(long)}">{escape(short)}</span>'
