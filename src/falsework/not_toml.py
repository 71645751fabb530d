"""What is wrong with a file that is no TOML, or no layer: the problem at its place, in the words of who has typed it.

Nothing here decides whether something is wrong; read.py has found that.
"""

import re
from math import isinf
from typing import Any

from falsework.layer import Layer, Spot
from falsework.paths import quoted
from falsework.places import MAX_DEPTH, Lost, Span
from falsework.problems import Problem
from falsework.report import describe
from falsework.scan import scan

_DIGITS = r"[+-]?[0-9_]{4000,}"
_DECIMAL = r"[+-]?[0-9][0-9_.]*(?:[eE][+-]?[0-9_]+)?"
_WORD = r"[A-Za-z_][\w.]*+(?=[ \t]*(?:[\n,\]}#]|$))"  # alone where a value should be
_TOMLLIB_PLACE = r" \(at (?:line (\d+), column (\d+)|end of document)\)$"
# tomllib takes quadratic time over the parts of a dotted key, so absurd ones are refused before it sees them. What is
# no key is read past, closed or not, so that each character is looked at a few times.
_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+"""
_DOT_PART = rf"\.[ \t]*+{_PART}"
_KEY_OR_TEXT = (
    r"#[^\n]*+"
    r'|"""(?:[^"\\]++|\\[\s\S]|"{1,2}(?!"))*+"*+'
    r"|'''(?:[^']++|'{1,2}(?!'))*+'*+"
    rf"|(?P<absurd>{_PART}(?:{_DOT_PART}){{{MAX_DEPTH}}})|{_PART}(?:{_DOT_PART})*+"
    r"""|"(?:[^"\\\n]|\\.)*+|'[^'\n]*+"""
)
# What tomllib says to those who know its grammar, for those who have typed a file: what is wrong, and the mend.
_IN_OTHER_WORDS = {
    "Illegal character '\\n'": ("a string that does not end on its line", "close it with the quote that opened it"),
    "Unterminated string": ("a string that does not end", "close it with the quotes that opened it"),
    "Expected '=' after a key in a key/value pair": ("expected = after a key", "write KEY = VALUE"),
    "Expected newline or end of document after a statement": (
        "expected the end of the line after a value",
        "each KEY = VALUE has a line of its own; numbers have no unit, no leading 0, and digits around a point",
    ),
    "Invalid statement": ("expected KEY = VALUE or [TABLE]", "this is another language than TOML, or a stray sign"),
    "Unclosed inline table": ("a table in braces that does not end", "it stands on one line: { KEY = VALUE, … }"),
    "Invalid initial character for a key part": ("expected a key", "a table in braces { } stands on one line"),
    "Unclosed array": ("a list that does not end", "close it with ], with a comma between its values"),
    "Invalid value": ("expected a value", "text stands in quotes, numbers begin with a digit"),
}
# How gin and Hydra begin what a value is read from, or made by.
_FROM_ELSEWHERE = dict.fromkeys("%$", 'a value is read from another by { _ref = "TABLE.KEY" }') | {
    "@": "a class is named by the kind of its table: kind = KIND, in quotes"
}


def not_utf8(data: bytes, name: str, start: int) -> Problem:
    """A problem at the first byte that is no text."""
    before = data[:start].decode().replace("\r\n", "\n")
    text = before + data[start:].decode(errors="backslashreplace").replace("\r\n", "\n")
    escape = Span(len(before), len(before) + len("\\xff"))
    spot = Spot(Layer(name=name, data=data, text=text, values={}), span=escape)
    what = f"not UTF-8 text: here stands the byte 0x{data[start]:02x}"
    return Problem(what, spot=spot, help="save the file as UTF-8")


def absurd_keys(unparsed: Layer) -> list[Problem]:
    """A problem at the first dotted key of too many parts, if there is one."""
    for match in re.finditer(_KEY_OR_TEXT, unparsed.text):
        if match["absurd"]:
            spot = Spot(unparsed, span=Span(*match.span()))
            return [Problem(f"a dotted key of over {MAX_DEPTH} parts", spot=spot)]
    return []


def syntax_problem(unparsed: Layer, message: str) -> Problem:
    """A problem at tomllib's own place, or, for a thing that is said twice, at the second of the two."""
    match = re.search(_TOMLLIB_PLACE, message)
    what = message[: match.start()] if match else message
    text = unparsed.text
    offset = len(text.rstrip()) if match is None or match[1] is None else _offset(text, int(match[1]), int(match[2]))
    line_end = text.find("\n", offset)
    try:
        repeats = scan(text[: line_end if line_end >= 0 else len(text)]).repeats
    except Lost:
        repeats = []
    if not repeats:
        word = re.compile(_WORD).match(text, offset) if what == "Invalid value" else None
        span = Span(offset, word.end() if word else offset + 1)
        what, mend = _IN_OTHER_WORDS.get(what, (what[:1].lower() + what[1:], ""))
        mend = _help_for_word(word[0]) if word else _FROM_ELSEWHERE.get(text[offset : offset + 1], mend)
        return Problem(f"not TOML: {what}", spot=Spot(unparsed, span=span), help=mend)
    path, first, second = repeats[0]
    line = text.count("\n", 0, first.start) + 1
    return Problem(f"set twice; first on line {line}", path, Spot(unparsed, span=second), help="keep one of the two")


def _help_for_word(word: str) -> str:
    """The mend for a bare word in the place of a value."""
    if word.lower() in ("none", "null", "nil"):
        return "there is no null: leave the key out; what a base says is taken back by { _unset = true }"
    return f"write {word.lower()}" if word in ("True", "False") else f"text stands in quotes: {quoted(word)}"


def too_large(unparsed: Layer) -> list[Problem]:
    """For float, 1e999 is inf, which nobody has written; who writes inf means it."""
    for span in unparsed.places.values.values():
        text = unparsed.text[slice(*span)]
        if re.fullmatch(_DECIMAL, text) and isinf(float(text)):
            return [Problem("a number that a float cannot hold", spot=Spot(unparsed, span=span))]
    return []


def digits_problem(unparsed: Layer) -> Problem:
    """A problem at the first number that has as many digits as that takes."""
    text = unparsed.text
    try:
        spans = [span for span in unparsed.places.values.values() if re.fullmatch(_DIGITS, text[slice(*span)])]
    except Lost:  # something else is wrong below, which tomllib has not come to
        spans = [Span(*match.span()) for match in re.finditer(_DIGITS, text)]
    digits = text[slice(*spans[0])].replace("_", "").lstrip("+-")
    return Problem(f"not TOML: a number of {len(digits):,} digits", spot=Spot(unparsed, span=spans[0]))


def _offset(text: str, line: int, col: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return min(start + col - 1, len(text))


def wrong_words(unparsed: Layer, extends: list[Any], why: Any, version: Any) -> list[Problem]:
    """Problems of the reserved keys."""
    wrong = []
    if not all(isinstance(base, str) and base for base in extends):
        wrong.append(("extends", "expected a file name or a list of them", 'write extends = "01_baseline.toml"'))
    elif odd := next((base for base in extends if not base.endswith(".toml")), None):
        wrong.append(("extends", f"{odd}: not a TOML file, by its name", "a base is called NAME.toml"))
    if version is not None and (type(version) is not int or version < 1):
        mend = "write the number without quotes, or leave the line out for a file of today"
        wrong.append(("schema", f"expected a whole number from 1, got {describe(version)}", mend))
    if not isinstance(why, str):
        wrong.append(("why", f"expected a sentence, got {describe(why)}", 'write why = "what this run is to tell"'))
    return [Problem(what, (key,), Spot(unparsed, (key,), "value"), mend) for key, what, mend in wrong]
