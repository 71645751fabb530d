"""The steps from one schema version to the next, as bindings/migrations.py lists them, read by their names.

    compile_steps({2: (Renamed("optimizer.beta", "optimizer.beta1"),)}) -> [Step(...)]

falsework imports nothing of ours, so a step is known by the name of its class, and what it says by its fields. A
pattern is a path of the schema: `*` is any named table, and `optimizer<muon>.lr` speaks of one kind alone. Nothing is
upgraded here; upgrade.py and pins.py do that.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from falsework.layer import Tree
from falsework.places import Path
from falsework.profiles import is_table
from falsework.schema import value_at

_PART = re.compile(r"(\*|[A-Za-z]\w*)(?:<(\w+)>)?")
_FIELDS = {
    "Renamed": ("old", "new"),
    "Removed": ("path", "was"),
    "Added": ("path", "before"),
    "DefaultChanged": ("path", "was"),
    "ValueMapped": ("path", "values"),
}


class Part(NamedTuple):
    """One name of a pattern; `kinds` are the names that the kind it speaks of has had since, if it speaks of one."""

    name: str
    kinds: frozenset[str] | None = None


Pattern = tuple[Part, ...]


class Step(NamedTuple):
    """One change. `value` is what its class says beside the pattern: another pattern, a value, or values by values."""

    version: int
    word: str
    pattern: Pattern
    value: Any


def compile_steps(migrations: Mapping[int, Sequence[Any]]) -> list[Step]:
    """Every step in order. Raises TypeError for what is no step."""
    steps: list[Step] = []
    for version in sorted(migrations):
        for given in migrations[version]:
            word = type(given).__name__
            if word not in _FIELDS:
                raise TypeError(f"migration to schema {version}: {given!r} is none of {', '.join(_FIELDS)}")
            path, value = (getattr(given, name) for name in _FIELDS[word])
            value = parse_pattern(value) if word == "Renamed" else value
            if word == "Renamed" and (parse_pattern(path)[-1].kinds or value[-1].kinds):
                raise TypeError(f"migration to schema {version}: a kind gets another name by ValueMapped of its `kind`")
            steps.append(Step(version, word, parse_pattern(path), value))
    return [step._replace(pattern=_with_later_kinds(step.pattern, steps[at + 1 :])) for at, step in enumerate(steps)]


def parse_pattern(text: str) -> Pattern:
    """The parts of `eval.*<bits_per_byte>.stride`. Raises TypeError."""
    matches = [_PART.fullmatch(part) for part in text.split(".")]
    if not all(matches):
        raise TypeError(f"{text!r} is no path of a schema, like optimizer<muon>.lr or eval.*.stride")
    return tuple(Part(match[1], frozenset([match[2]]) if match[2] else None) for match in matches if match)


def bodies(tree: Tree, below: Tree, parts: Pattern) -> Iterator[tuple[Tree, Path]]:
    """Every table that the parts name, in `_when` and `_every` too, with its path; `below` knows kinds as well."""
    yield from _below(tree, below, (), parts)


def matches(path: Path, pattern: Pattern, *trees: Tree) -> bool:
    """Whether a path is at or below what the pattern names; the trees say which kinds are in force, if they know."""
    if len(path) < len(pattern):
        return False
    for depth, part in enumerate(pattern):
        if part.name not in ("*", path[depth]):
            return False
        kind = next(
            (kind for tree in trees if (kind := value_at(tree, (*path[: depth + 1], "kind"))) is not None), None
        )
        if part.kinds is not None and kind is not None and kind not in part.kinds:
            return False
    return True


def renamed(path: Path, old: Pattern, new: Pattern) -> Path:
    """The path of what is at `path`, which matches `old`, once that is called `new`; names are carried over."""
    names = [name for name, part in zip(path, old, strict=False) if part.name == "*"]
    return (*(names.pop(0) if part.name == "*" else part.name for part in new), *path[len(old) :])


def with_new_name(pattern: Pattern, old: Pattern, new: Pattern) -> Pattern:
    """A pattern at or below `old`, once that is called `new`."""
    if is_within_table(old, new):
        at = len(old) - 1
        return (*pattern[:at], pattern[at]._replace(name=new[-1].name), *pattern[at + 1 :])
    return (*new, *pattern[len(old) :])


def is_within_table(old: Pattern, new: Pattern) -> bool:
    """Whether a renaming leaves the thing in its table."""
    return [part.name for part in old[:-1]] == [part.name for part in new[:-1]]


def _below(table: Tree, below: Any, path: Path, parts: Pattern) -> Iterator[tuple[Tree, Path]]:
    if not parts:
        yield table, path
        return
    name, *_ = part = parts[0]
    below = below if isinstance(below, dict) else {}
    keys = [key for key in table if not key.startswith("_")] if name == "*" else [name]
    for key in [*keys, "_every"] if name == "*" else keys:
        child: Any = table.get(key)
        if is_table(child):
            yield from _of_kind(child, below.get(key), (*path, key), part, parts[1:])


def _of_kind(table: Tree, below: Any, path: Path, part: Part, rest: Pattern) -> Iterator[tuple[Tree, Path]]:
    """The table, if it may be of the kind, and those of its `_when` bodies that are."""
    kind = table.get("kind", below.get("kind") if isinstance(below, dict) else None)
    if part.kinds is None or kind is None or kind in part.kinds:
        yield from _below(table, below, path, rest)
    when = table.get("_when")
    for name, body in when.items() if isinstance(when, dict) else ():
        if is_table(body) and (part.kinds is None or name in part.kinds):
            yield from _below(body, below, (*path, "_when", name), rest)


def _with_later_kinds(pattern: Pattern, later: Sequence[Step]) -> Pattern:
    """The pattern, its kinds joined by the names that later steps give them: other layers may have those already."""
    parts = list(pattern)
    for step in later:
        names = [part.name for part in step.pattern]
        if step.word == "ValueMapped" and names[-1] == "kind" and len(names) <= len(parts) + 1:
            at = len(names) - 2
            kinds = parts[at].kinds if names[:-1] == [part.name for part in parts[: at + 1]] else None
            if kinds:
                parts[at] = parts[at]._replace(kinds=kinds | {step.value[kind] for kind in kinds if kind in step.value})
    return tuple(parts)
