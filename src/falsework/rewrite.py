"""Rewrites an old file for the current schema, where it lies, and keeps every byte that does not have to change.

    rewrite(path, root=Run, kinds=KINDS, schema_version=2, migrations=MIGRATIONS) -> Rewritten      writes nothing
    write(rewritten)                                                                                replaces the file

The edits are of spans of the text; what comes out is read again, and has to say exactly what the upgrade in memory
said, else nothing is written. The file means the same before and after, in itself and below its children.
"""

import copy
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from falsework.edits import rewritten_bytes
from falsework.layer import Tree
from falsework.layers import read_stack
from falsework.laying import Merged, lay_layers, versions_of
from falsework.load import NOTHING_DERIVED, Derived, load
from falsework.migrations import Step, compile_steps
from falsework.pins import Versions, pin
from falsework.places import Path
from falsework.problems import ConfigError, in_order
from falsework.report import visible
from falsework.schema import Table, compile_schema, value_at
from falsework.upgrade import Upgrade


class Rewritten(NamedTuple):
    """A file as it is and as it would be, and what was done; equal bytes for a file that is of the current schema."""

    path: str
    before: bytes
    after: bytes
    said: tuple[Upgrade, ...]
    not_pinned: tuple[str, ...]  # changed defaults that are not for a file that is no whole experiment


def rewrite(
    path: str,
    *,
    root: type,
    kinds: Mapping[Any, Mapping[str, type]],
    schema_version: int,
    migrations: Mapping[int, Sequence[Any]],
    derived: Derived = NOTHING_DERIVED,
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> Rewritten:
    """The file for the current schema. Raises ConfigError for mistakes in it, and for what has to be done by hand."""
    stack, steps, table = read_stack([path]), compile_steps(migrations), compile_schema(root, kinds)
    table = table._replace(elsewhere=elsewhere)
    old = stack.experiment
    if old.schema_version in (None, schema_version):
        return Rewritten(path, old.data, old.data, (), ())
    merged = lay_layers(stack, table, steps, schema_version)
    wrong = [problem for problem in merged.problems if problem.spot and problem.spot.layer.name == old.name]
    if wrong:
        raise ConfigError(in_order(wrong, merged.layers))
    options = {"root": root, "kinds": kinds, "schema_version": schema_version, "migrations": migrations}
    is_whole = _is_whole(path, {**options, "derived": derived})
    versions = versions_of(stack, schema_version)
    every = _pinned(merged, steps, table, versions)
    oldest = versions.oldest if is_whole else schema_version
    with_age = _pinned(merged, steps, table, versions._replace(oldest=oldest))
    others = [*versions.layers[:-1], schema_version]
    without = _pinned(merged, steps, table, Versions(others, min(others) if is_whole else schema_version))
    mine = {pinned: kept for pinned, kept in with_age.items() if pinned not in without}
    new = merged.layers[-1]
    values = copy.deepcopy(new.values)
    for pinned, (value, _) in mine.items():
        _put(values, pinned, value)
    after = rewritten_bytes(old, new, values, schema_version)
    said = [upgrade for upgrade in merged.upgrades if upgrade.spot is not None and upgrade.spot.layer is old]
    said += dict.fromkeys(upgrade for _, upgrade in mine.values())
    left = {str(upgrade): None for pinned, (_, upgrade) in every.items() if pinned not in mine and not is_whole}
    return Rewritten(path, old.data, after, tuple(said), tuple(left))


def told(rewritten: Rewritten) -> list[str]:
    """What was done and what was not, a line each; what stands nowhere in the file is said with the file alone."""
    done = [str(upgrade) if upgrade.spot else f"{rewritten.path}: {upgrade}" for upgrade in rewritten.said]
    left = [f"{rewritten.path}: not written, as it is no whole experiment: {line}" for line in rewritten.not_pinned]
    return [visible(line) for line in (*done, *left)]


def write(rewritten: Rewritten) -> None:
    """Put the new bytes in the file's place, whole or not at all. Raises OSError."""
    target = os.path.realpath(rewritten.path)
    handle, name = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".upgrade-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(rewritten.after)
        shutil.copymode(target, name)
        os.replace(name, target)
    except OSError:
        os.unlink(name)
        raise


def _is_whole(path: str, options: Mapping[str, Any]) -> bool:
    """Whether the file and its bases are an experiment: a profile leaves out what is required. Raises ConfigError."""
    try:
        load([path], **options)
    except ConfigError as error:
        if all(problem.what.startswith("required") for problem in error.problems):
            return False
        raise
    return True


def _pinned(merged: Merged, steps: Sequence[Step], table: Table, versions: Versions) -> dict[Path, tuple[Any, Upgrade]]:
    """The old defaults that hold when the layers are of these versions, with their values."""
    without, merged = merged.tree, copy.copy(merged)
    merged.tree, merged.origins = copy.deepcopy(merged.tree), copy.deepcopy(merged.origins)
    pinned = pin(merged, steps, table, versions)
    values: dict[Path, tuple[Any, Upgrade]] = {}
    for path, upgrade in pinned.items():
        for above in (path[:length] for length in range(1, len(path))):
            kind = value_at(merged.tree, (*above, "kind"))
            if kind is not None and value_at(without, above) is None:  # a default object has become a table
                values[*above, "kind"] = kind, upgrade
        values[path] = value_at(merged.tree, path), upgrade
    return values


def _put(values: Tree, path: Path, value: Any) -> None:
    for part in path[:-1]:
        values = values.setdefault(str(part), {})
    values[str(path[-1])] = value
