"""Bytes of one file -> Layer. UTF-8, TOML 1.0, a byte-order mark and CRLF allowed; everything else is a located problem.

    read_layer(path, name) -> Layer, or ConfigError with what is wrong in this file

It opens the one file it is told to open, regular files only, and takes the three reserved keys (extends, schema, why)
out of the values. What the other keys mean is not its business.
"""

import os
import re
import stat
import tomllib
from typing import Any

from falsework.layer import Layer, Spot, Tree
from falsework.places import MAX_DEPTH, Lost, Span, scan
from falsework.problems import ConfigError, Problem, describe

MAX_BYTES = 1_000_000  # about 15 times the largest config we could imagine (2,000 leaves are 65 kB)

_TOMLLIB_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
# tomllib takes quadratic time over the parts of a dotted key, so absurd ones are refused before it sees them.
_ABSURD_KEY = re.compile(r"""(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){%d}""" % MAX_DEPTH)


def read_layer(path: str, name: str) -> Layer:
    """Read and parse one file. Raises OSError when it cannot be read, ConfigError when it is no TOML."""
    data = _read_bytes(path, name)
    text = _decode(data, name).removeprefix("\ufeff").replace("\r\n", "\n")
    unparsed = Layer(name=name, data=data, text=text, values={})
    values = _parse(unparsed)
    reserved = _Reserved(Layer(name=name, data=data, text=text, values=values))
    layer = reserved.layer(values)
    if reserved.problems:
        raise ConfigError(reserved.problems)
    return layer


def _read_bytes(path: str, name: str) -> bytes:
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError("is a directory" if os.path.isdir(path) else "is not a regular file")
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        what = f"is larger than {MAX_BYTES // 1_000_000} MB; a config this large is a data file"
        raise ConfigError([Problem(what, where=name)])
    return data


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        text = data.decode(errors="backslashreplace").replace("\r\n", "\n")
        start = len(data[: error.start].decode().replace("\r\n", "\n"))
        spot = Spot(Layer(name=name, data=data, text=text, values={}), span=Span(start, start + 4))
        what = f"not UTF-8 text: the byte 0x{data[error.start]:02x} stands here"
        raise ConfigError([Problem(what, spot=spot, help="save the file as UTF-8")]) from None


def _parse(unparsed: Layer) -> Tree:
    """The values, no deeper than MAX_DEPTH; the layer is only there for problems to point into."""
    text = unparsed.text
    for line in text.split("\n") if text.count(".") >= MAX_DEPTH else ():
        if line.count(".") >= MAX_DEPTH and _ABSURD_KEY.search(line):
            start = text.index(line)
            spot = Spot(unparsed, span=Span(start, start + len(line)))
            raise ConfigError([Problem(f"a dotted key of over {MAX_DEPTH} parts", spot=spot)])
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax_problem(unparsed, str(error))]) from None
    except RecursionError:
        raise ConfigError([Problem("tables or lists are nested too deeply", where=unparsed.name)]) from None
    except ValueError as error:  # a number of thousands of digits
        raise ConfigError([Problem(str(error), where=unparsed.name)]) from None
    if _is_too_deep(values):
        raise ConfigError([Problem(f"tables are nested over {MAX_DEPTH} deep", where=unparsed.name)])
    return values


def _syntax_problem(unparsed: Layer, message: str) -> Problem:
    """A problem at tomllib's own place, or, for a thing that is said twice, at the second of the two."""
    match = _TOMLLIB_PLACE.search(message)
    what = message[: match.start()] if match else message
    text = unparsed.text
    offset = len(text.rstrip()) if match is None or match[1] is None else _offset(text, int(match[1]), int(match[2]))
    line_end = text.find("\n", offset)
    try:
        repeats = scan(text[: line_end if line_end >= 0 else len(text)]).repeats
    except Lost:
        repeats = []
    if not repeats:
        what = what[:1].lower() + what[1:]
        return Problem(f"not TOML: {what}", spot=Spot(unparsed, span=Span(offset, offset + 1)))
    path, first, second = repeats[0]
    line = text.count("\n", 0, first.start) + 1
    return Problem(f"set twice; first on line {line}", path, Spot(unparsed, span=second), help="keep one of the two")


def _offset(text: str, line: int, col: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return min(start + col - 1, len(text))


def _is_too_deep(values: Tree) -> bool:
    level: list[Any] = [values]
    for _ in range(MAX_DEPTH):
        items = [item for group in level for item in (group.values() if type(group) is dict else group)]
        level = [item for item in items if type(item) is dict or type(item) is list]
        if not level:
            return False
    return True


class _Reserved:
    """The reserved keys of one file, taken out of its values; problems say which are not what they should be."""

    def __init__(self, raw: Layer) -> None:
        self.raw = raw
        self.problems: list[Problem] = []

    def layer(self, values: Tree) -> Layer:
        extends = values.pop("extends", [])
        why = values.pop("why", "")
        version = values.pop("schema", None)
        extends = extends if isinstance(extends, list) else [extends]
        if not all(isinstance(base, str) and base for base in extends):
            self._refuse("extends", "expected a file name or a list of file names", 'write extends = "01_baseline.toml"')
        if not isinstance(why, str):
            self._refuse("why", f"expected a sentence, got {describe(why)}", 'write why = "what this run is to tell"')
        if version is not None and (type(version) is not int or version < 1):
            self._refuse("schema", f"expected a whole number from 1, got {describe(version)}", "write schema = 1")
        raw = self.raw
        return Layer(raw.name, raw.data, raw.text, values, tuple(extends), why, version)

    def _refuse(self, key: str, what: str, mend: str) -> None:
        self.problems.append(Problem(what, (key,), Spot(self.raw, (key,), "value"), mend))
