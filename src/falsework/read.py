"""Bytes of one file -> Layer. UTF-8 and TOML 1.0; a byte-order mark and CRLF are allowed.

    read_layer(path, name) -> Layer, or ConfigError with what is wrong in this file

It opens the one file it is told to open, regular files only, and takes the three reserved keys (extends, schema, why)
out of the values. What the other keys mean is not its business.
"""

from __future__ import annotations

import stat
import tomllib
from functools import lru_cache
from math import isinf
from pathlib import Path as FilePath
from typing import Any

from falsework.layer import Layer, Tree
from falsework.places import MAX_DEPTH
from falsework.problems import ConfigError, Problem

MAX_BYTES = 1_000_000  # 2,000 leaves are 65 kB
_FEW_BYTES = 65_536  # what is read of a file that says it is empty, as those of the kernel do
_MAX_READ_ONCE = 10_000
_read_once: set[int] = set()  # hashes of texts: most processes read each once, and keep nothing of it

_SHORT_LINE = 2 * MAX_DEPTH - 1  # has room for no absurd key


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
        from falsework.not_toml import not_utf8  # only a mistake needs it, and so below

        raise ConfigError([not_utf8(data, name, error.start)]) from None


def _refuse_absurd_keys(unparsed: Layer) -> None:
    """Before tomllib sees them: it takes quadratic time over the parts of a dotted key."""
    lines = unparsed.text.split("\n")
    if max(map(len, lines)) > _SHORT_LINE and any(line.count(".") >= MAX_DEPTH for line in lines):
        from falsework.not_toml import absurd_keys

        _refuse(absurd_keys(unparsed))


def _parse(unparsed: Layer) -> Tree:
    """The values, no deeper than MAX_DEPTH."""
    try:
        values, holds_inf = _said(unparsed.text)
    except RecursionError:
        raise ConfigError([Problem("tables or lists are nested too deeply", where=unparsed.name)]) from None
    except ValueError as error:  # not TOML, or a number of thousands of digits, of which Python makes none
        from falsework.not_toml import digits_problem, syntax_problem

        is_syntax = isinstance(error, tomllib.TOMLDecodeError)
        problem = syntax_problem(unparsed, str(error)) if is_syntax else digits_problem(unparsed)
        raise ConfigError([problem]) from None
    if holds_inf is None:
        raise ConfigError([Problem(f"tables or lists are nested over {MAX_DEPTH} deep", where=unparsed.name)])
    if holds_inf:
        from falsework.not_toml import too_large

        _refuse(too_large(unparsed))
    return values


def _said(text: str) -> tuple[Tree, bool | None]:
    """What a text says, and _holds_inf of it. What is read again, a base of many experiments, is kept from then on."""
    if hash(text) not in _read_once:
        if len(_read_once) >= _MAX_READ_ONCE:
            _read_once.clear()
        _read_once.add(hash(text))
        return _parsed(text)
    values, holds_inf = _kept(text)
    return values if holds_inf is None else _copied(values), holds_inf


def _parsed(text: str) -> tuple[Tree, bool | None]:
    values = tomllib.loads(text)
    return values, _holds_inf(values)


_kept = lru_cache(maxsize=64)(_parsed)


def _copied(value: Any) -> Any:
    """A copy of tables and lists at all depths, which are no more than MAX_DEPTH."""
    if type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if type(value) is list else value


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
    is_right = all(isinstance(base, str) and base.endswith(".toml") for base in bases) and isinstance(why, str)
    if not is_right or not (version is None or (type(version) is int and version >= 1)):
        from falsework.not_toml import wrong_words

        _refuse(wrong_words(unparsed, bases, why, version))
    return unparsed._replace(values=values, extends=tuple(bases), why=why, schema_version=version)


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise ConfigError(problems)
