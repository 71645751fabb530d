"""The pipeline, read top to bottom: files -> layers -> one tree -> defaults -> ties -> a frozen object.

    load(["configs/22_lr_001_23.toml"], root=Run, kinds=KINDS).value -> Run(...)

Each step is a pure function of the ones before and gathers its problems; they are raised once, all together. Nothing
is imported, executed or written, no environment is read, and no state is kept but the compiled schema.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from cattrs import BaseConverter

from falsework.config import Config
from falsework.defaults import Filling, Link, fill
from falsework.keys import check_keys
from falsework.layer import Layer, Spot
from falsework.layers import read_stack
from falsework.links import add_derivations, derivations, resolve
from falsework.machine import check_machine, is_machine_layer, machine_file
from falsework.merge import Merged, lay_on
from falsework.origins import Default, default_place, origin_at, spot_name, spot_of_table, spot_of_value
from falsework.places import Path
from falsework.problems import ConfigError, Problem, in_order
from falsework.profiles import Expansion, expand
from falsework.schema import Table, compile_schema
from falsework.structure import Fault, Refused, strict_converter

Derived = Mapping[str, tuple[Sequence[str], Callable[..., Any]]]

_NOTHING_DERIVED: Derived = MappingProxyType({})


def load(
    paths: Sequence[str | os.PathLike[str]],
    *,
    root: type,
    kinds: Mapping[Any, Mapping[str, type]],
    schema_version: int = 1,
    derived: Derived = _NOTHING_DERIVED,
    for_this_machine: bool = False,
) -> Config:
    """Load an experiment file and the layers after it, or one run directory. Raises ConfigError with every problem.

    `derived` are fields that follow from others, `for_this_machine` puts the configs folder's machine.toml on top.
    """
    table, converter = _compiled(root, tuple((union, tuple(named.items())) for union, named in kinds.items()))
    stack = read_stack(paths, on_top=machine_file(paths[0]) if for_this_machine and paths else None)
    problems = _too_new(stack.layers, schema_version)
    merged = Merged(stack.layers, {}, {}, [], problems)
    for number, layer in enumerate(stack.layers):
        checked = check_keys(layer, merged.tree, table)
        problems += checked.problems
        expansion = expand(layer.values, merged.tree) if checked.profiles else Expansion(layer.values, {}, [])
        lay_on(merged, number, expansion)
        if is_machine_layer(layer):
            problems += check_machine(layer, expansion, merged.tree, table)
    filling = Filling(stack.layers, stack.experiment, merged.origins, table, derivations(derived), [], problems)
    tree = fill(filling, merged.tree)
    add_derivations(filling, tree)
    links = resolve(filling, tree)
    value: Any = None
    try:
        value = converter.structure(tree, root)
    except Refused as refused:
        problems += [_problem_of(fault, filling, links) for fault in refused.faults]
    if problems:
        raise ConfigError(in_order(problems, stack.layers))
    return Config(value=value, stack=stack, table=table, schema_version=schema_version, merged=merged, links=links)


@lru_cache(maxsize=16)
def _compiled(root: type, kinds: tuple[tuple[Any, tuple[tuple[str, type], ...]], ...]) -> tuple[Table, BaseConverter]:
    """The schema and its converter, once per root and kinds."""
    named = {union: dict(classes) for union, classes in kinds}
    return compile_schema(root, named), strict_converter(named)


def _too_new(layers: Sequence[Layer], schema_version: int) -> list[Problem]:
    """A layer written for a newer schema than this code's cannot be read by it."""
    return [
        Problem(
            f"written for schema {layer.schema_version}, and this code knows up to {schema_version}",
            ("schema",),
            Spot(layer, ("schema",), "value"),
        )
        for layer in layers
        if layer.schema_version is not None and layer.schema_version > schema_version
    ]


def _problem_of(fault: Fault, filling: Filling, links: Mapping[Path, Link]) -> Problem:
    """A fault of a value, at the place of the value; of what nobody wrote, at the nearest table above it."""
    spot = spot_of_value(filling.layers, filling.origins, fault.path)
    origin, _ = origin_at(filling.origins, fault.path)
    link = links.get(fault.path)
    if link is not None:  # what is written there is right; what came of it is not
        what = fault.what if spot else f"{fault.what} ({link.word} {link.note})"
        mend = "use // or round()" if link.text and fault.note else ""
        return Problem(what, fault.path, spot or filling.header(fault.path), mend)
    if fault.is_secret and spot is not None:  # its source line is not shown
        return Problem(fault.what, fault.path, None, fault.mend, spot_name(spot))
    if spot is None and isinstance(origin, Default):
        return Problem(fault.what, fault.path, None, fault.help(fault.path), default_place(origin))
    spot = spot or spot_of_table(filling.layers, filling.origins, fault.path, filling.experiment)
    return Problem(fault.what, fault.path, spot, fault.help(fault.path))
