"""Experiment names `<parent>_<change>_<own number>` and the tree that they span.

A root has no parent: `01_baseline`. Only names are read here; whether a name tells the truth about its config is
checked where configs are known.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

CHILD = re.compile(r"(?P<parent>\d+)_(?P<change>\w+)_(?P<number>\d+)")
ROOT = re.compile(r"(?P<number>\d+)_(?P<change>\w+)")


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


def tree_lines(names: Sequence[Name]) -> list[tuple[str, Name]]:
    """Every name once, children below their parent in order of number, with the line-drawing that goes before it."""
    by_parent: dict[int | None, list[Name]] = {}
    numbers = {name.number for name in names}
    for name in sorted(names, key=lambda name: name.number):
        by_parent.setdefault(name.parent if name.parent in numbers else None, []).append(name)
    lines: list[tuple[str, Name]] = []

    def walk(parent: int | None, indent: str) -> None:
        children = by_parent.get(parent, [])
        for name in children:
            is_last = name is children[-1]
            branch = "" if parent is None else "└─ " if is_last else "├─ "
            lines.append((indent + branch, name))
            assert name.number != parent, f"experiment {parent} is its own parent"
            walk(name.number, indent + ("" if parent is None else "   " if is_last else "│  "))

    walk(None, "")
    return lines
