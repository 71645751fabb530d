"""Keeps the defaults that an old file was written with: what no layer says, and has another default since, is pinned.

    pin(merged, steps, root, versions) -> {path: what was done}

Which schema a default is of: a table with a kind follows the layer that says the kind; all others follow the oldest
layer of the experiment and its bases, so that a new child of an old parent differs from it only in what it says.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from falsework.layer import Tree
from falsework.laying import Merged
from falsework.migrations import Pattern, Step, bodies, with_new_name
from falsework.origins import Origins, Pinned, Written, origin_at
from falsework.paths import dotted
from falsework.places import Path
from falsework.plain import default_of
from falsework.schema import Component, Table, field_at
from falsework.upgrade import Upgrade
from falsework.write import spelled


class Versions(NamedTuple):
    """The schema versions of the layers, in their order, and the oldest among the experiment and its bases."""

    layers: Sequence[int]
    oldest: int


class _Pin(NamedTuple):
    """The default that `pattern`, as it is called today, had before `version`."""

    version: int
    pattern: Pattern
    value: Any


def pin(merged: Merged, steps: Sequence[Step], root: Table, versions: Versions) -> dict[Path, Upgrade]:
    """Put the old defaults into the merged tree. The oldest change of a default goes first: its value was in force."""
    pinned = {}
    for number, step in enumerate(steps):
        found = _pin_of(step, steps[number + 1 :])
        for path, version, tree in list(_absent(merged, found.pattern, root, versions)) if found else ():
            if found and version < found.version and field_at(root, tree, path) is not None:
                _set(merged, path, tree, copy.deepcopy(found.value), Pinned(version))
                what = f"{dotted(path)} stays {spelled(found.value)}, the default of schema {version}"
                pinned[path] = Upgrade(found.version, what)
    return pinned


def _pin_of(step: Step, later: Sequence[Step]) -> _Pin | None:
    """The default before a step, under the names and values that later steps gave them; None if it has gone since."""
    if step.word not in ("DefaultChanged", "Added") or step.value is None:
        return None
    pattern, value = step.pattern, step.value
    for after in later:
        names, theirs = ([part.name for part in parts] for parts in (pattern, after.pattern))
        if names[: len(theirs)] != theirs:
            continue
        if after.word == "Removed" and _is_all_of(pattern[len(theirs) - 1].kinds, after.pattern[-1].kinds):
            return None
        if after.word == "Renamed":
            pattern = with_new_name(pattern, after.pattern, after.value)
        elif after.word == "ValueMapped" and len(names) == len(theirs) and not isinstance(value, list | dict):
            value = after.value.get(value, value)
    return _Pin(step.version, pattern, value)


def _is_all_of(kinds: frozenset[str] | None, gone: frozenset[str] | None) -> bool:
    """Whether nothing of these kinds is left without those that are gone; None are all kinds."""
    return gone is None or (kinds is not None and kinds <= gone)


def _absent(merged: Merged, pattern: Pattern, root: Table, versions: Versions) -> Iterator[tuple[Path, int, Tree]]:
    """Where the layers leave out what the pattern names, the version its default is of, and a tree with its table."""
    key = pattern[-1].name
    tables = list(bodies(merged.tree, {}, pattern[:-1]))
    for table, path in tables:
        if key not in table:
            yield (*path, key), _version_of(merged.origins, path, versions), merged.tree
    names = tuple(part.name for part in pattern)
    opened = None if tables or "*" in names else _opened(merged.tree, pattern, root)
    if opened is not None:
        yield names, versions.oldest, opened


def _version_of(origins: Origins, path: Path, versions: Versions) -> int:
    """Of the layer that says the kind of the nearest table that has one."""
    for length in range(len(path), 0, -1):
        origin, _ = origin_at(origins, (*path[:length], "kind"))
        if isinstance(origin, Written):
            return versions.layers[origin.layer]
    return versions.oldest


def _opened(tree: Tree, pattern: Pattern, root: Table) -> Tree | None:
    """A copy of the tree with the tables that the pattern leads through, as they are by default; None without them."""
    opened = node = copy.deepcopy(tree)
    names = tuple(part.name for part in pattern)
    for depth, part in enumerate(pattern[:-1], 1):
        if part.name not in node:
            field = field_at(root, opened, names[:depth])
            default = default_of(field) if field is not None else None
            if field is None or default is None:
                return None
            node[part.name] = {"kind": default["kind"]} if isinstance(field.shape, Component) else {}
        node = node[part.name]
        if not isinstance(node, dict) or (part.kinds is not None and node.get("kind") not in part.kinds):
            return None
    return opened


def _set(merged: Merged, path: Path, opened: Tree, value: Any, origin: Pinned) -> None:
    """Set the value, and the kinds of the tables above that only `opened` has."""
    tree, origins = merged.tree, merged.origins
    for part in map(str, path[:-1]):
        opened = opened[part]
        if part not in tree:
            tree[part] = {"kind": opened["kind"]} if "kind" in opened else {}
            origins[part] = dict.fromkeys(tree[part], origin)
        below = origins[part]
        assert isinstance(below, dict), "a table has a table of origins"
        tree, origins = tree[part], below
    tree[str(path[-1])] = value
    origins[str(path[-1])] = _origins_of(value, origin)


def _origins_of(value: Any, origin: Pinned) -> Any:
    return {key: _origins_of(item, origin) for key, item in value.items()} if isinstance(value, dict) else origin
