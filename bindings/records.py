"""Configs as runs of any age recorded them, flat, under the names and with the defaults of today.

    today({"optimizer.beta": 0.9}) -> {"optimizer.beta1": 0.9, ...}        for harness.runs.open(..., upgrade=today)

A record has every value that its run had, so only names, places and ways of writing are brought up to date, and keys
that came later get what was done without them. What no step explains stays as it is: a table of runs is no place to
refuse one.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bindings import SCHEMA_VERSION
from bindings.fields import Misfit
from bindings.migrations import MIGRATIONS, Added, Removed, Renamed, Step, ValueMapped
from bindings.plain import flat, from_plain, to_plain, unflat

_PART = re.compile(r"(\*|[^.<]+)(?:<(\w+)>)?")

MAX_SHAPES = 1_000

Flat = dict[str, Any]

_ADDED: dict[Any, Flat] = {}  # by keys and kinds: building a config takes milliseconds, and ten thousand are alike


def today(config: Flat) -> Flat:
    """The config as it would be recorded today."""
    values = migrated(config, (step for version in sorted(MIGRATIONS) for step in MIGRATIONS[version]))
    kinds = frozenset((key, value) for key, value in values.items() if key.endswith(".kind") and isinstance(value, str))
    shape = (frozenset(values), kinds)
    if shape not in _ADDED:
        if len(_ADDED) >= MAX_SHAPES:
            _ADDED.clear()
        _ADDED[shape] = _defaults(values)
    return {**values, **_ADDED[shape]}


def _defaults(values: Flat) -> Flat:
    """The keys that the record lacks, with their defaults; none for a record that is no config of today."""
    try:
        whole = dict(flat(to_plain(from_plain(unflat(values)))))
    except (Misfit, ValueError, TypeError):
        return {}
    return {key: value for key, value in whole.items() if key not in values}


today.schema_version = SCHEMA_VERSION  # type: ignore[attr-defined] # what was kept under another version is read anew


def migrated(config: Flat, steps: Iterable[Step]) -> Flat:
    """The values after each step in turn; a step whose key is not there does nothing."""
    values = dict(config)
    for step in steps:
        if isinstance(step, Renamed):
            values = {_renamed(key, values, step.old, step.new): value for key, value in values.items()}
        elif isinstance(step, Removed):
            values = {key: value for key, value in values.items() if not _names(key, values, step.path)}
        elif isinstance(step, ValueMapped):
            values = {
                key: step.values.get(value, value)
                if isinstance(value, str | int | float) and _names(key, values, step.path, exactly=True)
                else value
                for key, value in values.items()
            }
        elif isinstance(step, Added) and step.before is not None:
            values |= _added(values, step)
    return values


def _added(values: Flat, step: Added) -> Flat:
    """What the added key was before it was there, in each table that it is in now."""
    *table, name = step.path.split(".")
    tables = {""} if not table else {found for key in values if (found := _table_of(key, values, ".".join(table)))}
    keys = (f"{found}.{name}".strip(".") for found in tables)
    return {key: step.before for key in keys if key not in values}


def _table_of(key: str, values: Flat, pattern: str) -> str:
    depth = pattern.count(".") + 1
    return ".".join(key.split(".")[:depth]) if _names(key, values, pattern) and key.count(".") >= depth else ""


def _renamed(key: str, values: Flat, old: str, new: str) -> str:
    if not _names(key, values, old):
        return key
    parts, depth = key.split("."), old.count(".") + 1
    names = [part for part, piece in zip(parts, old.split("."), strict=False) if piece.startswith("*")]
    head = [names.pop(0) if piece.startswith("*") and names else piece.partition("<")[0] for piece in new.split(".")]
    return ".".join([*head, *parts[depth:]])


def _names(key: str, values: Mapping[str, Any], pattern: str, *, exactly: bool = False) -> bool:
    """Whether a key is at or below what the pattern names; `optimizer<muon>` is the optimizer whose kind is muon."""
    parts, pieces = key.split("."), [_PART.fullmatch(piece) for piece in pattern.split(".")]
    if len(parts) < len(pieces) or (exactly and len(parts) > len(pieces)):
        return False
    for depth, piece in enumerate(pieces):
        assert piece is not None, pattern
        name, kind = piece.groups()
        above = ".".join(parts[: depth + 1])
        if name not in ("*", parts[depth]) or kind not in (None, values.get(f"{above}.kind")):
            return False
    return True
