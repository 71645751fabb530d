"""Brings a layer that was written for an older schema to the current one, in memory, before its keys are checked.

    upgrade(layer, below, steps, 3) -> Upgraded(layer, said, problems)

The new layer has the same text and places: what has moved is found where it was written. What a step cannot decide by
itself is a problem at its place, never a guess. Changed defaults are not a layer's business; see pins.py.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from falsework.formulas import Wrong, parse, spelled_path
from falsework.layer import Layer, Spot, Tree
from falsework.migrations import Step, bodies, is_within_table, matches, renamed
from falsework.origins import spot_name
from falsework.paths import dotted, parse_dotted
from falsework.places import Path
from falsework.problems import Problem
from falsework.profiles import is_table
from falsework.write import spelled


class Upgrade(NamedTuple):
    """One thing that was done for an old file; `spot` is what it was done to, None for a default that was kept."""

    schema_version: int
    what: str
    spot: Spot | None = None

    def __str__(self) -> str:
        """`file:line:col: schema 2: what`."""
        return f"{f'{spot_name(self.spot)}: ' if self.spot else ''}schema {self.schema_version}: {self.what}"


class Upgraded(NamedTuple):
    """The layer as it would be written today, what was done, and what has to be done by hand."""

    layer: Layer
    said: list[Upgrade]
    problems: list[Problem]


class _Upgrading(NamedTuple):
    """A layer on its way; `values` is changed in place."""

    layer: Layer
    below: Tree
    values: Tree
    moves: list[tuple[Path, Path]]
    said: list[Upgrade]
    problems: list[Problem]

    def spot(self, path: Path, part: Any = "key") -> Spot:
        """What now has this path, where it stands in the file."""
        for old, new in reversed(self.moves):
            path = (*old, *path[len(new) :]) if path[: len(new)] == new else path
        return Spot(self.layer, path, part)

    def say(self, step: Step, path: Path, what: str) -> None:
        self.said.append(Upgrade(step.version, what, self.spot(path)))

    def refuse(self, step: Step, path: Path, what: str, mend: str = "") -> None:
        self.problems.append(Problem(f"schema {step.version}: {what}", path, self.spot(path), mend))


def upgrade(layer: Layer, below: Tree, steps: Sequence[Step], schema_version: int) -> Upgraded:
    """Take every step that is newer than the layer. `below` is the tree of all earlier layers, already upgraded."""
    version = layer.schema_version
    assert version is not None, "a layer without a version is of the current one"
    upgrading = _Upgrading(layer, below, copy.deepcopy(layer.values), [], [], [])
    for step in steps:
        if step.version > version and step.word in _STEPS:
            _STEPS[step.word](upgrading, step)
    new = layer._replace(values=upgrading.values, moves=tuple(upgrading.moves), schema_version=schema_version)
    return Upgraded(new, upgrading.said, upgrading.problems)


def _rename(upgrading: _Upgrading, step: Step) -> None:
    old, new = step.pattern, step.value
    for table, path in list(bodies(upgrading.values, upgrading.below, old[:-1])):
        here = (*path, old[-1].name)
        if old[-1].name not in table:
            continue
        if not is_within_table(old, new):
            _move(upgrading, step, here)
        elif new[-1].name in table:
            upgrading.refuse(step, here, f"it is {new[-1].name} now, and that stands here too", "keep one of the two")
            del table[old[-1].name]
        else:
            _rename_key(table, old[-1].name, new[-1].name)
            there = (*path, new[-1].name)
            upgrading.say(step, here, f"{dotted(here)} is {dotted(there)} now")
            upgrading.moves.append((here, there))

    def new_path(path: Path) -> Path | None:
        return renamed(path, old, new) if matches(path, old, upgrading.values, upgrading.below) else None

    _rename_reads(upgrading, step, new_path)


def _move(upgrading: _Upgrading, step: Step, here: Path) -> None:
    """Into another table. Out of `_when` and `_every` there is no way that is right for every kind."""
    old, new = step.pattern, step.value
    value = _take(upgrading.values, here)
    if len(here) != len(old):
        name = ".".join(part.name for part in new)
        upgrading.refuse(step, here, f"it is {name} now", "move it by hand: what holds for some kinds cannot follow")
        return
    there = renamed(here, old, new)
    target = upgrading.values
    for part in there[:-1]:
        target = target.setdefault(str(part), {})
        if not is_table(target):
            upgrading.refuse(step, here, f"it is {dotted(there)} now, and there is a value in its way")
            return
    if there[-1] in target:
        upgrading.refuse(step, here, f"it is {dotted(there)} now, and that stands here too", "keep one of the two")
        return
    upgrading.say(step, here, f"{dotted(here)} is {dotted(there)} now")
    target[str(there[-1])] = value
    upgrading.moves.append((here, there))


def _remove(upgrading: _Upgrading, step: Step) -> None:
    key = step.pattern[-1].name
    if step.pattern[-1].kinds is not None:
        _remove_kind(upgrading, step, step.pattern[-1].kinds)
        return
    for table, path in list(bodies(upgrading.values, upgrading.below, step.pattern[:-1])):
        if key not in table:
            continue
        here, value = (*path, key), table[key]
        if step.value is None or _same(value, step.value) or value == {"_unset": True}:
            effect = "it had no effect" if step.value is None else f"it is always {spelled(step.value)} now"
            upgrading.say(step, here, f"{dotted(here)} was taken out: {effect}")
            _take(upgrading.values, here)
        else:
            what = f"this key is gone, and the code now does what {spelled(step.value)} did"
            upgrading.refuse(step, here, what, "take the line out; the old behaviour is that of the old code")
            _take(upgrading.values, here)


def _remove_kind(upgrading: _Upgrading, step: Step, kinds: frozenset[str]) -> None:
    """Take out what holds while such a kind is in force. A table that says the kind is an error of the key check."""
    of_any_kind = (*step.pattern[:-1], step.pattern[-1]._replace(kinds=None))
    for table, path in list(bodies(upgrading.values, upgrading.below, of_any_kind)):
        when = table.get("_when")
        for kind in sorted(kinds.intersection(when)) if isinstance(when, dict) else ():
            body = (*path, "_when", kind)
            upgrading.say(step, body, f"{dotted(body)} was taken out: there is no kind {kind} any more")
            _take(upgrading.values, body)


def _map(upgrading: _Upgrading, step: Step) -> None:
    key = step.pattern[-1].name
    for table, path in list(bodies(upgrading.values, upgrading.below, step.pattern[:-1])):
        here, value = (*path, key), table.get(key)
        for old, new in step.value.items():
            if key in table and _same(value, old):
                upgrading.say(step, here, f"{dotted(here)} = {spelled(old)} is {spelled(new)} now")
                table[key] = new
            when = table.get("_when")
            if key == "kind" and isinstance(when, dict) and old in when and new not in when:
                body = (*path, "_when", old)
                upgrading.say(step, body, f"{dotted(body)} is {dotted((*path, '_when', new))} now")
                _rename_key(when, old, new)
                upgrading.moves.append((body, (*path, "_when", new)))


_STEPS: dict[str, Callable[[_Upgrading, Step], None]] = {"Renamed": _rename, "Removed": _remove, "ValueMapped": _map}


def _rename_reads(upgrading: _Upgrading, step: Step, new_path: Callable[[Path], Path | None]) -> None:
    """Ties and formulas that read what has another path now."""
    for directive, path in list(_directives(upgrading.values, ())):
        for word, with_new_paths in (("_ref", _tie_with), ("_expr", _formula_with)):
            text = directive.get(word)
            new = with_new_paths(text, new_path) if isinstance(text, str) else text
            if new != text:
                upgrading.say(step, path, f"{dotted(path)} reads {new} now")
                directive[word] = new


def _tie_with(text: str, new_path: Callable[[Path], Path | None]) -> str:
    path = parse_dotted(text)
    new = new_path(path) if path else None
    return dotted(new) if new else text


def _formula_with(text: str, new_path: Callable[[Path], Path | None]) -> str:
    try:
        steps = parse(text).steps
    except Wrong:
        return text  # reported by the key check
    for span, push, *_ in sorted(steps, key=lambda step: -step.span.start):
        new = new_path(push) if isinstance(push, tuple) else None
        text = text[: span.start] + spelled_path(new) + text[span.end :] if new else text
    return text


def _directives(tree: Tree, path: Path) -> Iterator[tuple[Tree, Path]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            if "_ref" in value or "_expr" in value:
                yield value, (*path, key)
            else:
                yield from _directives(value, (*path, key))


def _rename_key(table: Tree, old: str, new: str) -> None:
    """In its place: the order of keys is what a person sees."""
    items = [(new if key == old else key, value) for key, value in table.items()]
    table.clear()
    table.update(items)


def _take(values: Tree, path: Path) -> Any:
    """Take a value out, and the tables above that hold nothing but it."""
    table = values
    for part in path[:-1]:
        table = table[str(part)]
    value = table.pop(str(path[-1]))
    if not table and len(path) > 1:
        _take(values, path[:-1])
    return value


def _same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and bool(value == other)
