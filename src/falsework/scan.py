"""Where things stand in a TOML text: the span of every key, value and table header, by path.

    scan(text) -> Places          walks a text that tomllib has accepted
    place_of(text, span) -> Place turns a span into line and columns, both counted from 1

It runs only when somebody asks for a place (an error, an origin, a diff), never while a correct config is loaded, and
is not even imported before. It refuses to judge: a text that tomllib would not accept may raise Lost, and values are
never built here.
"""

import re
import tomllib
from typing import NamedTuple

from falsework.places import MAX_DEPTH, Lost, Path, Span

_BLANK = re.compile(r"(?:[ \t\n]++|#[^\n]*+)*+")
_SPACE = re.compile(r"[ \t]*+")
_BARE = re.compile(r"[A-Za-z0-9_-]++")
_STRING = re.compile(
    r'"""(?:[^"\\]++|\\[\s\S]|"{1,2}(?!"))*+"{3,5}'
    r"|'''(?:[^']++|'{1,2}(?!'))*+'{3,5}"
    r'|"(?:[^"\\\n]++|\\.)*+"'
    r"|'[^'\n]*+'"
)
_PLAIN = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]++|[^\s,\]}#]++")  # one way to write a date has a blank


class Place(NamedTuple):
    """Line and columns of a span's first line, from 1; `end` is the column after the last character."""

    line: int
    col: int
    end: int


class Places(NamedTuple):
    """Spans by path. A key of a dotted key or of a header is its own part; a header is the whole `[...]`."""

    keys: dict[Path, Span]
    values: dict[Path, Span]
    headers: dict[Path, Span]
    repeats: list[tuple[Path, Span, Span]]  # what a correct text has none of: path, first span, second span
    mentions: list[tuple[Path, Span]]  # every part of every key and header, in order; `keys` has the first ones
    pairs: list[tuple[Path, Span, Path]]  # from key to end of value, and the path of the header above; inner ones first


class _Scan(NamedTuple):
    text: str
    places: Places


def scan(text: str) -> Places:
    """Every place in a text with Unix line ends. Raises Lost on text that tomllib refuses (not on all of it)."""
    scanned = _Scan(text, Places({}, {}, {}, [], [], []))
    lengths: dict[Path, int] = {}  # of arrays of tables so far
    table: Path = ()
    position = _skip(_BLANK, text, 0)
    while position < len(text):
        if text[position] == "[":
            table, position = _header(scanned, position, lengths)
        else:
            position = _pair(scanned, position, table, 0)
        position = _skip(_BLANK, text, position)
    return scanned.places


def place_of(text: str, span: Span) -> Place:
    """Line and columns of a span; of a span over several lines, those of its first line."""
    line_start = text.rfind("\n", 0, span.start) + 1
    line_end = text.find("\n", span.start)
    end = min(span.end, line_end if line_end >= 0 else len(text))
    column = span.start - line_start + 1
    return Place(text.count("\n", 0, span.start) + 1, column, max(end - line_start + 1, column + 1))


def read_key(text: str, position: int) -> tuple[list[tuple[str, Span]], int]:
    """The parts of the dotted key at `position`, each with its span, and the position after the key and its blanks."""
    parts = []
    while True:
        position = _skip(_SPACE, text, position)
        match = _BARE.match(text, position)
        if match is not None:
            parts.append((match[0], Span(*match.span())))
        else:
            match = _match(_STRING, text, position)
            parts.append((_unquoted(match[0]), Span(*match.span())))
        position = _skip(_SPACE, text, match.end())
        if not text.startswith(".", position):
            return parts, position
        position += 1


def _header(scanned: _Scan, start: int, lengths: dict[Path, int]) -> tuple[Path, int]:
    text, places = scanned
    is_array = text.startswith("[[", start)
    parts, position = read_key(text, start + (2 if is_array else 1))
    end = _expect("]]" if is_array else "]", text, position)
    path: Path = ()
    _refuse_below_value(places, path, parts[:-1])
    for number, (name, span) in enumerate(parts, 1):
        path = (*path, name)
        places.keys.setdefault(path, span)
        places.mentions.append((path, span))
        if is_array and number == len(parts):
            lengths[path] = lengths.get(path, 0) + 1
        if path in lengths:
            path = (*path, lengths[path] - 1)  # a header speaks of the array's last table
    header = Span(start, end)
    earlier = places.headers.get(path) or places.values.get(path)
    if earlier is not None:
        places.repeats.append((path, earlier, header))
    places.headers[path] = header
    return path, end


def _pair(scanned: _Scan, position: int, table: Path, depth: int) -> int:
    text, places = scanned
    parts, position = read_key(text, position)
    path = table
    for name, span in parts:
        path = (*path, name)
        places.keys.setdefault(path, span)
        places.mentions.append((path, span))
    if path in places.values:
        places.repeats.append((path, places.keys[path], parts[-1][1]))
    _refuse_below_value(places, path[: len(path) - len(parts)], parts[:-1])
    position = _expect("=", text, position)
    end = _value(scanned, _skip(_SPACE, text, position), path, depth)
    places.pairs.append((path, Span(parts[0][1].start, end), table))
    return end


def _refuse_below_value(places: Places, table: Path, parts: list[tuple[str, Span]]) -> None:
    """Note a part that is said to be a table and has a value already, in braces or not."""
    path = table
    for name, span in parts:
        path = (*path, name)
        if path in places.values and path not in places.headers:
            places.repeats.append((path, places.keys[path], span))


def _value(scanned: _Scan, start: int, path: Path, depth: int) -> int:
    text, places = scanned
    if depth > MAX_DEPTH:
        raise Lost("nested too deeply")
    opening = text[start : start + 1]
    if opening == "[":
        end = _array(scanned, start + 1, path, depth + 1)
    elif opening == "{":
        end = _inline_table(scanned, start + 1, path, depth + 1)
    else:
        end = _match(_STRING if opening in ('"', "'") else _PLAIN, text, start).end()
    places.values[path] = Span(start, end)
    return end


def _array(scanned: _Scan, position: int, path: Path, depth: int) -> int:
    text, count = scanned.text, 0
    while True:
        position = _skip(_BLANK, text, position)
        if text.startswith("]", position):
            return position + 1
        position = _skip(_BLANK, text, _value(scanned, position, (*path, count), depth))
        count += 1
        if text.startswith(",", position):
            position += 1
        elif not text.startswith("]", position):
            raise Lost("expected a comma or the end of the list")


def _inline_table(scanned: _Scan, position: int, path: Path, depth: int) -> int:
    text = scanned.text
    position = _skip(_BLANK, text, position)
    while not text.startswith("}", position):
        position = _skip(_BLANK, text, _pair(scanned, position, path, depth))
        if text.startswith(",", position):
            position = _skip(_BLANK, text, position + 1)
        elif not text.startswith("}", position):
            raise Lost("expected a comma or the end of the table")
    return position + 1


def _skip(pattern: re.Pattern[str], text: str, position: int) -> int:
    return _match(pattern, text, position).end()


def _match(pattern: re.Pattern[str], text: str, position: int) -> re.Match[str]:
    match = pattern.match(text, position)
    if match is None:
        raise Lost(f"not TOML at offset {position}")
    return match


def _expect(token: str, text: str, position: int) -> int:
    if not text.startswith(token, position):
        raise Lost(f"expected {token} at offset {position}")
    return position + len(token)


def _unquoted(part: str) -> str:
    try:
        name = tomllib.loads(f"key={part}")["key"]
    except tomllib.TOMLDecodeError as error:
        raise Lost(str(error)) from error
    assert isinstance(name, str), "a quoted key is a string"
    return name
