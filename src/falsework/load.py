"""The pipeline, read top to bottom: files -> layers -> one tree -> defaults -> links -> a frozen object.

    load(["configs/22_lr_001_23.toml"], root=Run, kinds=KINDS).value -> Run(...)

Each step is a pure function of the ones before and gathers its problems; they are raised once, all together. Nothing
is imported, executed or written, no environment is read, and no state is kept but the compiled schema and parsed texts.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cattrs import BaseConverter

from falsework.config import Config
from falsework.defaults import Filling, fill
from falsework.layer import Tree
from falsework.layers import Stack, machine_file, read_stack
from falsework.laying import lay_all
from falsework.places import Path
from falsework.problems import ConfigError, in_order
from falsework.scalars import Refused
from falsework.schema import Table, compile_schema
from falsework.structure import strict_converter

if TYPE_CHECKING:
    from falsework.link import Derivation, Link

Derived = Mapping[str, tuple[Sequence[str], Callable[..., Any]]]

NOTHING_DERIVED: Derived = MappingProxyType({})

_NO_MIGRATIONS: Mapping[int, Sequence[Any]] = MappingProxyType({})
_NOTHING_ELSEWHERE: Mapping[str, str] = MappingProxyType({})


def load(
    paths: Sequence[str | os.PathLike[str]],
    *,
    root: type,
    kinds: Mapping[Any, Mapping[str, type]],
    schema_version: int = 1,
    derived: Derived = NOTHING_DERIVED,
    migrations: Mapping[int, Sequence[Any]] = _NO_MIGRATIONS,
    elsewhere: Mapping[str, str] = _NOTHING_ELSEWHERE,
    for_this_machine: bool = False,
) -> Config:
    """Load an experiment file and the layers after it, or one run directory. Raises ConfigError with every problem.

    `derived` are fields that follow from others, `migrations` the steps that bring old files to this schema version,
    `elsewhere` what other projects call the fields (help with unknown keys reads it), and `for_this_machine` puts the
    machine.toml of the configs folder on top.
    """
    with _collector_at_rest():
        table, converter = _compiled(root, tuple((union, tuple(named.items())) for union, named in kinds.items()))
        table = table._replace(elsewhere=elsewhere)
        stack = read_stack(paths, on_top=machine_file(paths[0]) if for_this_machine and paths else None)
        merged = lay_all(stack, table, migrations, schema_version)
        stack = Stack(tuple(merged.layers), stack.num_own, stack.name)
        problems = merged.problems
        following = _read_derived(derived) if derived else {}
        filling = Filling(stack, merged, table, following)
        tree = fill(filling, merged.tree)
        links = _linked(filling, tree) if following or filling.links else {}
        value: Any = None
        try:
            value = converter.structure(tree, root)
        except Refused as refused:
            from falsework.placed import problems_of  # only a mistake needs it

            problems += problems_of(refused.faults, filling, links)
        if problems:
            raise ConfigError(in_order(problems, stack.layers))
        return Config(
            value=value,
            stack=stack,
            table=table,
            schema_version=schema_version,
            merged=merged,
            links=links,
            derivations=filling.derived,
            upgrades=tuple(merged.upgrades),
        )


def _read_derived(derived: Derived) -> dict[Path, Derivation]:
    from falsework.links import derivations  # a schema and a file may have neither derived fields nor links

    return derivations(derived)


def _linked(filling: Filling, tree: Tree) -> dict[Path, Link]:
    from falsework.links import add_derivations, resolve

    add_derivations(filling, tree)
    return resolve(filling, tree)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """A load keeps nearly all that it makes: the collector would walk the whole process, torch too, for nothing."""
    was_enabled = gc.isenabled()
    if was_enabled:  # else another load may put it back to work just now, and nobody would after us
        gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@lru_cache(maxsize=16)
def _compiled(root: type, kinds: tuple[tuple[Any, tuple[tuple[str, type], ...]], ...]) -> tuple[Table, BaseConverter]:
    """The schema and its converter, once per root and kinds."""
    named = {union: dict(classes) for union, classes in kinds}
    return compile_schema(root, named), strict_converter(named)
