"""Bytes of one file -> Layer. UTF-8 and TOML 1.0; a byte-order mark and CRLF are allowed.

    read_layer(path, name) -> Layer, or ConfigError with what is wrong in this file

It opens the one file it is told to open, regular files only, and takes the three reserved keys (extends, schema, why)
out of the values. What the other keys mean is not its business.
"""

import re
import stat
import tomllib
from functools import lru_cache
from math import isinf
from pathlib import Path as FilePath
from typing import Any

from falsework.layer import Layer, Spot, Tree
from falsework.paths import quoted
from falsework.places import MAX_DEPTH, Lost, Span
from falsework.problems import ConfigError, Problem, describe

MAX_BYTES = 1_000_000  # 2,000 leaves are 65 kB
_FEW_BYTES = 65_536  # what is read of a file that says it is empty, as those of the kernel do

# Patterns, and not compiled: only a mistake needs them.
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
_SHORT_LINE = 2 * MAX_DEPTH - 1  # has room for no such key
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


def read_layer(path: FilePath, name: str) -> Layer:
    """Read and parse one file. Raises OSError when it cannot be read, ConfigError when it is no TOML."""
    data = _read_bytes(path, name)
    text = _decode(data, name).removeprefix("\ufeff").replace("\r\n", "\n")
    unparsed = Layer(name=name, data=data, text=text, values={})
    _refuse_absurd_keys(unparsed)
    return _without_reserved(unparsed, _parse(unparsed))


def _read_bytes(path: FilePath, name: str) -> bytes:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is a directory" if path.is_dir() else "it is not a regular file")
    with path.open("rb") as file:
        data = file.read(min(max(status.st_size, _FEW_BYTES), MAX_BYTES) + 1)  # room for all of MAX_BYTES costs time
    if len(data) > MAX_BYTES:
        what = f"larger than {MAX_BYTES // 1_000_000} MB; so much text is data, not config"
        raise ConfigError([Problem(what, where=name)])
    return data


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode().replace("\r\n", "\n")
        text = before + data[error.start :].decode(errors="backslashreplace").replace("\r\n", "\n")
        escape = Span(len(before), len(before) + len("\\xff"))
        spot = Spot(Layer(name=name, data=data, text=text, values={}), span=escape)
        what = f"not UTF-8 text: here stands the byte 0x{data[error.start]:02x}"
        raise ConfigError([Problem(what, spot=spot, help="save the file as UTF-8")]) from None


def _refuse_absurd_keys(unparsed: Layer) -> None:
    text = unparsed.text
    lines = text.split("\n")
    if max(map(len, lines)) <= _SHORT_LINE:
        return
    if any(line.count(".") >= MAX_DEPTH for line in lines):
        for match in re.finditer(_KEY_OR_TEXT, text):
            if match["absurd"]:
                spot = Spot(unparsed, span=Span(*match.span()))
                raise ConfigError([Problem(f"a dotted key of over {MAX_DEPTH} parts", spot=spot)])


def _parse(unparsed: Layer) -> Tree:
    """The values, no deeper than MAX_DEPTH."""
    name = unparsed.name
    try:
        values, holds_inf = _parsed(unparsed.text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax_problem(unparsed, str(error))]) from None
    except RecursionError:
        raise ConfigError([Problem("tables or lists are nested too deeply", where=name)]) from None
    except ValueError:  # a number of thousands of digits, of which Python makes none
        raise ConfigError([_digits_problem(unparsed)]) from None
    if holds_inf is None:
        raise ConfigError([Problem(f"tables or lists are nested over {MAX_DEPTH} deep", where=name)])
    if holds_inf:
        _refuse_too_large(unparsed)
    copied: Tree = _copied(values)
    return copied


@lru_cache(maxsize=64)
def _parsed(text: str) -> tuple[Tree, bool | None]:
    """What a text says, and _holds_inf of it, so that a base of many experiments is parsed once. To be copied first."""
    values = tomllib.loads(text)
    return values, _holds_inf(values)


def _copied(value: Any) -> Any:
    """A copy of tables and lists at all depths, which are known to be few."""
    if type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if type(value) is list else value


def _syntax_problem(unparsed: Layer, message: str) -> Problem:
    """A problem at tomllib's own place, or, for a thing that is said twice, at the second of the two."""
    match = re.search(_TOMLLIB_PLACE, message)
    what = message[: match.start()] if match else message
    text = unparsed.text
    offset = len(text.rstrip()) if match is None or match[1] is None else _offset(text, int(match[1]), int(match[2]))
    line_end = text.find("\n", offset)
    from falsework.scan import scan  # only a mistake needs it

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


def _refuse_too_large(unparsed: Layer) -> None:
    """For float, 1e999 is inf, which nobody has written; who writes inf means it."""
    for span in unparsed.places.values.values():
        text = unparsed.text[slice(*span)]
        if re.fullmatch(_DECIMAL, text) and isinf(float(text)):
            raise ConfigError([Problem("a number that a float cannot hold", spot=Spot(unparsed, span=span))])


def _digits_problem(unparsed: Layer) -> Problem:
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


def _holds_inf(values: Tree) -> bool | None:
    """Whether an infinity is among the values; None when tables or lists are nested over MAX_DEPTH deep."""
    holds_inf = False
    level: list[Any] = [values]
    for _ in range(MAX_DEPTH):
        below = []
        for group in level:
            for item in group if type(group) is list else group.values():
                kind = type(item)
                if kind is dict or kind is list:
                    below.append(item)
                elif kind is float and isinf(item):
                    holds_inf = True
        if not below:
            return holds_inf
        level = below
    return None


def _without_reserved(unparsed: Layer, values: Tree) -> Layer:
    """The layer with its reserved keys in their own fields. Raises ConfigError when they are not as they should be."""
    extends, why, version = values.pop("extends", []), values.pop("why", ""), values.pop("schema", None)
    bases = extends if isinstance(extends, list) else [extends]
    wrong = []
    if not all(isinstance(base, str) and base for base in bases):
        wrong.append(("extends", "expected a file name or a list of them", 'write extends = "01_baseline.toml"'))
    elif odd := next((base for base in bases if not base.endswith(".toml")), None):  # an error would show a line of it
        wrong.append(("extends", f"{odd}: not a TOML file, by its name", "a base is called NAME.toml"))
    if version is not None and (type(version) is not int or version < 1):
        mend = "write the number without quotes, or leave the line out for a file of today"
        wrong.append(("schema", f"expected a whole number from 1, got {describe(version)}", mend))
    if not isinstance(why, str):
        wrong.append(("why", f"expected a sentence, got {describe(why)}", 'write why = "what this run is to tell"'))
    if wrong:
        raise ConfigError(Problem(what, (key,), Spot(unparsed, (key,), "value"), mend) for key, what, mend in wrong)
    return unparsed._replace(values=values, extends=tuple(bases), why=why, schema_version=version)
