"""From an old file's text to the text that says the same today: spans are replaced, everything between them stays.

    rewritten_bytes(old, new, values, 3) -> bytes

`new` is the layer as upgrade.py made it, `values` what the file is to hold. Names, values and paths are replaced where
they stand, a pair that is gone is cut out, one that has come is put below its table's last. Where that does not give
exactly `values`, it is an error, and a person has to write it: nothing is reformatted.
"""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, NamedTuple

from falsework.layer import Layer, Spot, Tree
from falsework.paths import dotted, spelled_key
from falsework.places import Path, Span
from falsework.problems import ConfigError, Problem
from falsework.scan import Places, scan
from falsework.schema import value_at
from falsework.write import spelled

_RESERVED = ("extends", "schema", "why")


class _Editing(NamedTuple):
    """The old text with its places, what it is to hold, and the edits so far."""

    text: str
    places: Places
    new: Layer
    values: Tree
    edits: list[tuple[Span, str]]

    def replace(self, start: int, end: int, text: str) -> None:
        self.edits.append((Span(start, end), text))


def rewritten_bytes(old: Layer, new: Layer, values: Tree, schema_version: int) -> bytes:
    """The file's new content. Raises ConfigError when it cannot be made by edits of spans."""
    editing = _Editing(old.text, scan(old.text), new, values, [])
    editing.replace(*editing.places.values["schema",], str(schema_version))
    kept = _edit_pairs(editing)
    _edit_names(editing)
    _insert(editing, kept)
    after = _applied(old, editing.edits)
    try:
        said = tomllib.loads(after.decode().removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        said = {}
    if {key: value for key, value in said.items() if key not in _RESERVED} != values:
        what = f"cannot be rewritten for schema {schema_version} by itself; by hand, it is to hold what is below"
        raise ConfigError([Problem(what, ("schema",), Spot(old, ("schema",), "value"), _listed(values))])
    return after


def _edit_pairs(editing: _Editing) -> dict[Path, str]:
    """Cut what is gone, and give values their new text. Returns the old text of pairs that went to another table."""
    moved_away: dict[Path, str] = {}
    for path, span, _ in editing.places.pairs:
        here = editing.new.moved(path)
        value, text = value_at(editing.values, here), editing.places.values[path]
        if (path[0] in _RESERVED and len(path) == 1) or not all(isinstance(part, str) for part in path):
            continue
        if value is None:
            _cut(editing, span)
        elif here[:-1] != editing.new.moved(path[:-1]) and here != path:
            moved_away[here] = editing.text[text.start : text.end]
            _cut(editing, span)
        elif not isinstance(value, dict) and value != _value_in(editing.text, text):
            editing.replace(*text, spelled(value))
    for path, span in editing.places.headers.items():
        here = editing.new.moved(path)
        if not isinstance(value_at(editing.values, here), dict):
            _cut(editing, span)
        elif here[:-1] != editing.new.moved(path[:-1]):
            editing.replace(*span, f"[{dotted(here)}]")
    return moved_away


def _edit_names(editing: _Editing) -> None:
    """Give every part of a key or header its new name, if it has one in the same table."""
    for path, span in editing.places.mentions:
        here = editing.new.moved(path)
        if here[-1] != path[-1] and here[:-1] == editing.new.moved(path[:-1]) and not _is_cut(editing, span):
            editing.replace(*span, spelled_key(str(here[-1])))


def _insert(editing: _Editing, moved_away: dict[Path, str]) -> None:
    """Put what the old text does not hold below the last pair of its table, or into a new table at the end."""
    there = {editing.new.moved(path) for path, *_ in editing.places.pairs}
    tables: dict[Path, list[str]] = {}
    come = {path: spelled(value) for path, value in _leaves(editing.values, ()) if path not in there}
    for path, text in {**moved_away, **come}.items():
        if not _insert_in_table(editing, path, text):
            tables.setdefault(path[:-1], []).append(f"{spelled_key(str(path[-1]))} = {text}")
    end = len(editing.text)
    newline = "" if editing.text.endswith("\n") else "\n"
    blocks = [f"\n[{dotted(table)}]\n" + "".join(f"{line}\n" for line in lines) for table, lines in tables.items()]
    if blocks:
        editing.replace(end, end, newline + "".join(blocks))


def _insert_in_table(editing: _Editing, path: Path, text: str) -> bool:
    """After the last pair that the table keeps, or after its header."""
    anchors = [
        (span, table)
        for pair, span, table in editing.places.pairs
        if editing.new.moved(pair)[:-1] == path[:-1] and not _is_cut(editing, span)
    ]
    if anchors:
        span, table = max(anchors)
        key = ".".join(spelled_key(str(part)) for part in path[len(table) :])
        if _holder(editing, span):
            editing.replace(span.end, span.end, f", {key} = {text}")
        else:
            line_start, line_end = _line(editing.text, span)
            indent = editing.text[line_start : span.start]
            editing.replace(line_end, line_end, f"\n{indent}{key} = {text}")
        return True
    for header, span in editing.places.headers.items():
        if editing.new.moved(header) == path[:-1]:
            _, line_end = _line(editing.text, span)
            editing.replace(line_end, line_end, f"\n{spelled_key(str(path[-1]))} = {text}")
            return True
    return False


def _cut(editing: _Editing, span: Span) -> None:
    """Take a pair or header out: its whole line when nothing else stands there; in an inline table, with its comma."""
    text, (start, end) = editing.text, span
    if _is_cut(editing, span):
        return
    if _holder(editing, span):
        after = re.compile(r"[ \t]*,[ \t]*").match(text, end)
        before = re.search(r"[ \t]*,[ \t]*$", text[:start])
        if after:
            end = after.end()
        elif before:
            start = before.start()
    else:
        line_start, line_end = _line(text, span)
        end += len(text[end:line_end]) - len(text[end:line_end].lstrip(" \t"))
        if end == line_end and not text[line_start:start].strip(" \t"):
            start, end = line_start, min(end + 1, len(text))
    editing.edits[:] = [edit for edit in editing.edits if not (start <= edit[0].start and edit[0].end <= end)]
    editing.replace(start, end, "")


def _is_cut(editing: _Editing, span: Span) -> bool:
    return any(not text and edit.start <= span.start and span.end <= edit.end for edit, text in editing.edits)


def _holder(editing: _Editing, span: Span) -> Span | None:
    """The pair whose inline table holds this one."""
    return next((pair for _, pair, _ in editing.places.pairs if pair.start < span.start and span.end < pair.end), None)


def _line(text: str, span: Span) -> tuple[int, int]:
    end = text.find("\n", span.end)
    return text.rfind("\n", 0, span.start) + 1, end if end >= 0 else len(text)


def _leaves(values: Tree, path: Path) -> Iterator[tuple[Path, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, key))
        elif not isinstance(value, dict):
            yield (*path, key), value


def _value_in(text: str, span: Span) -> Any:
    return tomllib.loads(f"value = {text[span.start : span.end]}")["value"]


def _applied(old: Layer, edits: list[tuple[Span, str]]) -> bytes:
    """The bytes with the edits, whose spans are of the text with Unix line ends and no byte-order mark."""
    raw = old.data.decode()
    mark = len(raw) - len(raw.removeprefix("\ufeff"))
    returns = [match.start() - number - mark for number, match in enumerate(re.finditer("\r\n", raw))]
    newline = "\r\n" if returns else "\n"
    edits.sort(key=lambda edit: edit[0])  # stable: two insertions at one place stay in their order
    for (start, end), text in reversed(edits):
        first, last = (place + bisect_left(returns, place) + mark for place in (start, end))
        raw = raw[:first] + text.replace("\n", newline) + raw[last:]
    return raw.encode()


def _listed(values: Tree) -> str:
    return "\n".join(f"{dotted(path)} = {spelled(value)}" for path, value in _leaves(values, ()))
