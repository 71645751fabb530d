"""Experiment names `<parent>_<change>_<own number>` and the tree that they span.

A root has no parent: `01_baseline`. Only names are read here; whether a name tells the truth about its config is
checked where configs are known.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CHILD = re.compile(r"(?P<parent>\d+)_(?P<change>\w+)_(?P<number>\d+)")
ROOT = re.compile(r"(?P<number>\d+)_(?P<change>\w+)")
CHANGE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Name:
    """22_lr_001_23: experiment 23 changes lr to 0.001 against its parent, experiment 22."""

    parent: int | None
    change: str
    number: int


def parse_name(experiment: str) -> Name | None:
    """The parts of an experiment's name, or None for a name that is not numbered."""
    match = CHILD.fullmatch(experiment) or ROOT.fullmatch(experiment)
    if match is None:
        return None
    parts = match.groupdict()
    parent = int(parts["parent"]) if "parent" in parts else None
    return Name(parent=parent, change=parts["change"], number=int(parts["number"]))


def spell_name(name: Name) -> str:
    """The experiment's name, numbers of two digits or more. ValueError for a change that would not be read back."""
    if not CHANGE.fullmatch(name.change):
        raise ValueError(f"{name.change!r} is no name for a change: small letters, digits and _ between them")
    above = "" if name.parent is None else f"{name.parent:02}_"
    return f"{above}{name.change}_{name.number:02}" if above else f"{name.number:02}_{name.change}"


def next_number(experiments: Iterable[str]) -> int:
    """The number after the highest of all experiments; other names do not count."""
    names = (parse_name(experiment) for experiment in experiments)
    return max((name.number for name in names if name is not None), default=0) + 1


def tree_lines(names: Sequence[Name]) -> list[tuple[str, Name]]:
    """Every name once, children below their parent in order of number, with the line-drawing that goes before it.

    A name whose parent is not there, or is not older than itself, stands at the root.
    """
    by_parent: dict[int | None, list[Name]] = {}
    numbers = {name.number for name in names}
    for name in sorted(names, key=lambda name: name.number):
        has_parent = name.parent in numbers and name.parent is not None and name.parent < name.number
        by_parent.setdefault(name.parent if has_parent else None, []).append(name)
    lines: list[tuple[str, Name]] = []
    waiting = [(name, "", "") for name in reversed(by_parent.get(None, []))]
    while waiting:  # a study may be deeper than Python's stack
        name, branch, indent = waiting.pop()
        lines.append((branch, name))
        children = by_parent.pop(name.number, [])  # of two that share a number, the first has the children
        for child in reversed(children):
            is_last = child is children[-1]
            waiting.append((child, indent + ("└─ " if is_last else "├─ "), indent + ("   " if is_last else "│  ")))
    return lines
