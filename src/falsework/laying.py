"""All layers of a stack onto one tree: each brought to today's schema, checked by itself, expanded and merged.

lay_all(stack, table, migrations, 3) -> Merged       its `layers` are as they would be written today
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from falsework.layer import Layer, Spot, Tree
from falsework.layers import Stack, is_machine_layer
from falsework.origins import Origins
from falsework.places import Path
from falsework.plain_layer import lay_plain
from falsework.problems import ConfigError, Problem
from falsework.schema import Table, value_at

if TYPE_CHECKING:
    from falsework.merge import Dropped
    from falsework.migrations import Step
    from falsework.pins import Versions
    from falsework.upgrade import Upgrade

# What only old files need, and only layers that are not plain, is imported when one is there: a tool starts in a tenth
# of a second.

MAX_SAID_BY_EVERY = 200_000  # values; the largest file has room for 10,000 tables, and no kind has 20 keys


class Merged:
    """What layers say together, as far as they are laid. Laying changes it in place, and nobody does afterwards."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        """Nothing is laid yet."""
        self.layers = list(layers)
        self.tree: Tree = {}
        self.origins: Origins = {}
        self.dropped: list[Dropped] = []
        self.problems: list[Problem] = []
        self.upgrades: list[Upgrade] = []  # what was done for old layers


def lay_all(stack: Stack, table: Table, migrations: Mapping[int, Sequence[Any]], schema_version: int) -> Merged:
    """Layers, and the defaults that their age has kept. A layer that does not say its schema is of the current one."""
    if not _is_old(stack, schema_version):
        return lay_layers(stack, table, [], schema_version)
    from falsework.migrations import compile_steps
    from falsework.pins import pin

    steps = compile_steps(migrations)
    merged = lay_layers(stack, table, steps, schema_version)
    merged.upgrades.extend(pin(merged, steps, table, versions_of(stack, schema_version)).values())
    return merged


def lay_layers(stack: Stack, table: Table, steps: Sequence[Step], schema_version: int) -> Merged:
    """The layers alone, weakest first."""
    merged = Merged(stack.layers)
    for number, layer in enumerate(stack.layers):
        if layer.schema_version is not None and layer.schema_version != schema_version:
            merged.layers[number] = _at_version(layer, merged, steps, schema_version)
        _lay(number, merged, table)
    return merged


def versions_of(stack: Stack, schema_version: int) -> Versions:
    """The schema version of each layer; the oldest of the experiment's own."""
    from falsework.pins import Versions

    versions = [layer.schema_version or schema_version for layer in stack.layers]
    return Versions(versions, min(versions[: stack.num_own]))


def _is_old(stack: Stack, schema_version: int) -> bool:
    """Whether any layer was written for an older schema."""
    return any(layer.schema_version is not None and layer.schema_version < schema_version for layer in stack.layers)


def _at_version(layer: Layer, merged: Merged, steps: Sequence[Step], schema_version: int) -> Layer:
    assert layer.schema_version is not None, "asked of layers that say it alone"
    if layer.schema_version > schema_version:
        what = f"written for schema {layer.schema_version}, and this code knows up to {schema_version}"
        merged.problems.append(Problem(what, ("schema",), Spot(layer, ("schema",), "value")))
        return layer
    from falsework.upgrade import upgrade

    upgraded = upgrade(layer, merged.tree, steps, schema_version)
    merged.upgrades.extend(upgraded.said)
    merged.problems.extend(upgraded.problems)
    return upgraded.layer


def _lay(number: int, merged: Merged, table: Table) -> None:
    layer = merged.layers[number]
    if not is_machine_layer(layer) and lay_plain(number, layer.values, merged.tree, merged.origins, table):
        return
    from falsework.keys import check_keys
    from falsework.merge import lay_on
    from falsework.profiles import Expansion, expand

    checked = check_keys(layer, merged.tree, table)
    merged.problems.extend(checked.problems)
    _refuse_flood(layer, [path for path in checked.profiles if path[-1] == "_every"], merged.tree)
    expansion = expand(layer.values, merged.tree) if checked.profiles else Expansion(layer.values, {}, {})
    lay_on(merged, number, expansion)
    if is_machine_layer(layer):
        from falsework.machine import check_machine

        merged.problems.extend(check_machine(layer, expansion, merged.tree, table))


def _refuse_flood(layer: Layer, profiles: list[Path], tree: Tree) -> None:
    """What `_every` says is said once for each table, which in a file of a megabyte can be a hundred million times."""
    num_said = sum(_count(value_at(layer.values, path), of_tables=False) for path in profiles)
    num_tables = sum(_count(values, of_tables=True) for values in (layer.values, tree)) if num_said else 0
    if num_said * num_tables > MAX_SAID_BY_EVERY:
        what = f"{num_said:,} values for each of up to {num_tables:,} tables"
        raise ConfigError([Problem(what, profiles[0], Spot(layer, profiles[0], "header"))])


def _count(value: Any, *, of_tables: bool) -> int:
    if type(value) is not dict:
        return not of_tables
    return of_tables + sum(_count(item, of_tables=of_tables) for item in value.values())
