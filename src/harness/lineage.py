"""Experiment names `<parent>_<change>_<own number>` and the tree that they span.

A root has no parent: `01_baseline`. Only names are read here; whether a name tells the truth about its config is
checked where configs are known.
"""

import re
from collections.abc import Mapping, Sequence
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


def child_name(parent: int, change: str, number: int) -> str:
    """The name of a new experiment, numbers of two digits or more. ValueError for a change that is no name."""
    if not CHANGE.fullmatch(change):
        raise ValueError(f"{change!r} is no name for a change: small letters and digits, with _ between words")
    return f"{parent:02}_{change}_{number:02}"


def tree_lines(names: Sequence[Name]) -> list[tuple[str, Name]]:
    """Every name once, children below their parent in order of number, with the line-drawing that goes before it.

    A name whose parent is not there, or is not older than itself, stands at the root.
    """
    by_parent: dict[int | None, list[Name]] = {}
    numbers = {name.number for name in names}
    for name in sorted(names, key=lambda name: name.number):
        has_parent = name.parent in numbers and name.parent < name.number
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


def tree_text(names: Sequence[Name], notes: Mapping[int, str]) -> str:
    """The tree as aligned lines, each with the note of its number."""
    labels = [(f"{branch}{name.number:02} {name.change}", name.number) for branch, name in tree_lines(names)]
    width = max((len(label) for label, _ in labels), default=0)
    return "".join(f"{label:{width}}  {notes.get(number, '')}".rstrip() + "\n" for label, number in labels)
