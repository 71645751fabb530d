"""The pass for plain layers: it lays what the careful passes lay, and leaves to them what is not plain."""

from pathlib import Path
from typing import Any

import pytest

import bindings
from falsework.keys import check_keys
from falsework.layer import Layer
from falsework.layers import read_stack
from falsework.laying import Merged
from falsework.merge import lay_on
from falsework.origins import Origins, origin_at
from falsework.plain_layer import lay_plain
from falsework.profiles import Expansion
from falsework.read import read_layer
from falsework.schema import Table, compile_schema
from tests.falsework.toy import BASE, KINDS, Run, write

CONFIGS = Path(__file__).parents[2] / "configs"
TOY = compile_schema(Run, KINDS)


def layer_of(name: str) -> Layer:
    return read_layer(Path(name), name)


def laid_on_base(text: str) -> bool:
    """Whether a layer on the base is plain."""
    merged = Merged([layer_of(write("base.toml", BASE)), layer_of(write("a.toml", text))])
    assert lay_plain(0, merged.layers[0].values, merged.tree, merged.origins, TOY)
    return lay_plain(1, merged.layers[1].values, merged.tree, merged.origins, TOY)


def places(origins: Origins, tree: dict[str, Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    """The origin of every value, by its path."""
    found: dict[tuple[str, ...], object] = {}
    for key, value in tree.items():
        here = (*path, key)
        found |= places(origins, value, here) if isinstance(value, dict) else {here: origin_at(origins, here)}
    return found


def compare(layers: list[Layer], schema: Table) -> int:
    """Lay the layers in both ways; how many of them were plain."""
    plain, careful = (Merged(layers) for _ in range(2))
    num_plain = 0
    for number, layer in enumerate(layers):
        assert check_keys(layer, careful.tree, schema).problems == []
        for merged in (plain, careful):
            if merged is plain and lay_plain(number, layer.values, merged.tree, merged.origins, schema):
                num_plain += 1
            else:
                lay_on(merged, number, Expansion(layer.values, {}, {}))
        assert plain.tree == careful.tree
        assert places(plain.origins, plain.tree) == places(careful.origins, careful.tree)
        assert plain.dropped == careful.dropped
    return num_plain


def test_the_projects_experiments_are_laid_as_the_careful_passes_lay_them() -> None:
    schema = compile_schema(bindings.ROOT, bindings.KINDS)
    write("a.toml", "seed = 2")
    stacks = [read_stack([path, "a.toml"]).layers for path in sorted(CONFIGS.glob("[0-9]*.toml"))]
    assert sum(compare(list(layers), schema) for layers in stacks) >= len(stacks)  # a.toml is plain on each


@pytest.mark.parametrize(
    "text",
    [
        "train.seed = 1\noptimizer.lr = 0.1",
        'optimizer.kind = "adamw"\noptimizer.betas = [0.8, 0.9]',
        '[eval.bits]\nkind = "bits_per_byte"\n[log]\nfile = "a.txt"',
        "[log]\n[eval]",
    ],
)
def test_a_layer_that_only_sets_values_is_plain(text: str) -> None:
    assert laid_on_base(text)
    assert compare([layer_of("base.toml"), layer_of("a.toml")], TOY) == 2


@pytest.mark.parametrize(
    "text",
    [
        'optimizer.kind = "muon"',
        'optimizer.kind = "adam"',
        "optimizer.momentum = 0.9",
        "train.sed = 1",
        "train = 1",
        "train.seed.x = 1",
        "train.seed = { _ref = 'train.num_steps' }",
        "data.tags = { _append = ['b'] }",
        "log._unset = true",
        "model._when.gpt.dim = 8",
        "eval._every.max_bytes = 8",
        "eval.kind = 'x'",
    ],
)
def test_what_says_more_than_values_is_not_plain(text: str) -> None:
    assert not laid_on_base(text)
