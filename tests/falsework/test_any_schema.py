"""What holds for every schema, whatever its classes, and for every stack of layers: nothing here knows the toy schema.

Other draws: --hypothesis-seed=N; twenty times as many: --hypothesis-profile=thorough.
"""

import runpy
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import bindings
import falsework
from falsework import Config, ConfigError
from falsework.depth import flatten
from falsework.eject import eject
from falsework.layers import read_stack
from falsework.laying import lay_layers
from falsework.schema import compile_schema
from falsework.write import layer_text
from tests.bindings.test_plain import runs as project_runs
from tests.falsework.schemas import layers_from, schema_from
from tests.falsework.second_opinion import Schema, Tree, Wrong, laid, made, written

randoms = st.integers(0, 2**64).map(Random)
NUM_EXAMPLES = settings().max_examples
FEW, SOME = NUM_EXAMPLES // 5, NUM_EXAMPLES // 3


def write(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8", newline="")
    return name


def write_layers(trees: Sequence[Tree]) -> list[str]:
    return [write(f"{number}.toml", layer_text({"extends": []}, tree)) for number, tree in enumerate(trees)]


def load(files: Sequence[str], schema: Schema) -> Config:
    return falsework.load(files, root=schema.root, kinds=schema.kinds, derived=schema.derived)


def opinion(schema: Schema, trees: Sequence[Tree]) -> Any:
    """The object, or None where no config comes of the layers."""
    try:
        tree: Tree = {}
        for layer in trees:
            tree = laid(tree, layer)
        return made(schema, tree)
    except Wrong:
        return None


def run_of(text: str) -> Any:
    """What the file's `run` is when the file is run, and not as a script."""
    return runpy.run_path(write("ejected.py", text))["run"]


@settings(max_examples=SOME)
@given(randoms)
def test_a_whole_object_comes_back_equal_with_the_same_bytes_and_fingerprint(random: Random) -> None:
    schema, value_from = schema_from(random)
    value = value_from(random)
    tree = written(value, schema.kinds)
    expected = made(schema, tree)  # what is absent may have a default of its own, or follow from others
    first = load([write("a.toml", layer_text({}, tree))], schema)
    assert first.value == expected
    assert first.tree == tree or expected != value
    second = load([write("b.toml", first.toml())], schema)
    assert second.value == expected
    assert second.toml() == first.toml()
    assert (second.fingerprint, second.fingerprints) == (first.fingerprint, first.fingerprints)


@settings(max_examples=SOME)
@given(randoms)
def test_layers_make_what_the_language_says_and_that_comes_back_from_its_dump(random: Random) -> None:
    schema, value_from = schema_from(random)
    trees = layers_from(random, schema, value_from)
    files, expected = write_layers(trees), opinion(schema, trees)
    if expected is None:
        with pytest.raises(ConfigError, match=r"\d+:\d+: "):
            load(files, schema)
        return
    config = load(files, schema)
    assert config.value == expected
    assert config.origins().keys() == config.flat().keys()
    again = load([write("dump.toml", config.toml())], schema)
    assert (again.value, again.toml(), again.fingerprints) == (expected, config.toml(), config.fingerprints)
    whole = load([write("whole.toml", flatten(config, "whole"))], schema)
    assert (whole.value, whole.fingerprint) == (expected, config.fingerprint)


@settings(max_examples=SOME)
@given(randoms)
def test_an_ejected_object_is_equal(random: Random) -> None:
    schema, value_from = schema_from(random)
    trees = layers_from(random, schema, value_from)
    expected = opinion(schema, trees)
    assume(expected is not None)
    assert repr(run_of(eject(load(write_layers(trees), schema), train_with="os.path.exists"))) == repr(expected)


@settings(max_examples=FEW)
@given(project_runs.filter(lambda run: not any(name.startswith("_") for name in run.eval)))
def test_any_run_of_this_project_is_ejected_to_an_equal_one(run: bindings.Run) -> None:
    file = write("a.toml", layer_text({}, written(run, bindings.KINDS)))
    config = falsework.load([file], **bindings.SCHEMA)
    assert config.value == run
    again = run_of(eject(config, train_with="bindings.experiment.train_file"))
    assert repr(again) == repr(run)


@settings(max_examples=SOME)
@given(randoms)
def test_layers_that_lie_in_the_same_order_make_the_same_config_however_they_extend_each_other(random: Random) -> None:
    """Bases left to right, then the file itself, then the next file on the command line: only that order counts."""
    schema, value_from = schema_from(random)
    trees = layers_from(random, schema, value_from)
    assume(len(trees) > 1 and opinion(schema, trees) is not None)
    in_a_row = load(write_layers(trees), schema)
    rewritten = {}

    def grouped(numbers: Sequence[int]) -> list[str]:
        """Files that stand for these layers, each with the ones before it as bases or beside it."""
        if not numbers:
            return []
        cut = random.randrange(len(numbers))
        *bases, top = numbers[cut:]
        files = grouped(numbers[:cut])
        rewritten[top] = layer_text({"extends": grouped(bases)}, trees[top])
        return [*files, f"{top}.toml"]

    files = grouped(range(len(trees)))
    for number, text in rewritten.items():
        write(f"{number}.toml", text)
    nested = load(files, schema)
    assert nested.value == in_a_row.value
    assert nested.toml() == in_a_row.toml()
    assert [layer.name for layer in nested.files] == [layer.name for layer in in_a_row.files]
    assert nested.origins() == in_a_row.origins()


@settings(max_examples=SOME, suppress_health_check=[HealthCheck.filter_too_much])  # most stacks do take something
@given(randoms)
def test_layers_that_take_nothing_from_each_other_can_be_merged_first(random: Random) -> None:
    """Tables merge by key and lists are added to in order: associative until another kind or `_unset` takes away."""
    schema, value_from = schema_from(random)
    trees = layers_from(random, schema, value_from)
    assume(len(trees) > 2 and opinion(schema, trees) is not None)
    base, *others = write_layers(trees)
    merged = lay_layers(read_stack(others), compile_schema(schema.root, schema.kinds), [], 1)
    assume(not merged.dropped and not merged.problems)
    one = write("one.toml", layer_text({}, merged.tree))
    assert load([base, one], schema).toml() == load([base, *others], schema).toml()
