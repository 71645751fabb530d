"""Saving by delta: a file that says what differs, keeps ties where they hold, and loads to an equal object."""

from typing import Any

import attrs
import pytest
from hypothesis import assume, given, settings

from falsework import ConfigError
from falsework.save import settings_of
from tests.falsework import toy
from tests.falsework.test_dump import runs
from tests.falsework.toy import BASE, Run, load, write

TIED = """
    extends = "base.toml"
    model.max_positions = { _ref = "data.seq_len" }
    data = { kind = "python_source", seq_len = 32 }
    eval.web.kind = "completions"
"""


def load_files(files: Any) -> Any:
    return load(*files)


@pytest.fixture
def parent() -> str:
    write("base.toml", BASE)
    return write("parent.toml", TIED)


def saved(parent: str, **changes: Any) -> list[str]:
    return settings_of(parent, attrs.evolve(load(parent).value, **changes), load_files)


def test_only_what_differs_is_said(parent: str) -> None:
    assert saved(parent, train=toy.Train(num_steps=7)) == ["train.num_steps=7"]
    assert saved(parent, note="a \"b\" 'c'") == [r'''note="a \"b\" 'c'"''']


def test_a_tie_that_still_holds_is_kept_and_one_that_does_not_is_overridden(parent: str) -> None:
    model = load(parent).value.model
    longer = toy.PythonSource(seq_len=64)
    assert saved(parent, data=longer, model=attrs.evolve(model, max_positions=64)) == ["data.seq_len=64"]
    assert saved(parent, data=longer) == ["data.seq_len=64", "model.max_positions=32"]
    assert saved(parent, model=attrs.evolve(model, max_positions=8)) == ["model.max_positions=8"]


def test_another_kind_is_written_without_its_defaults(parent: str) -> None:
    assert saved(parent, optimizer=toy.Muon(lr=0.1)) == ['optimizer.kind="muon"', "optimizer.lr=0.1"]
    swapped = saved(parent, optimizer=toy.AdamW(lr=0.1, betas=(0.5, 0.95)))
    assert swapped == ["optimizer.lr=0.1", "optimizer.betas=[0.5, 0.95]"]


def test_what_went_is_unset(parent: str) -> None:
    assert saved(parent, eval={}) == ["eval.web._unset=true"]


def test_an_equal_object_is_nothing_to_save(parent: str) -> None:
    with pytest.raises(ConfigError, match="nothing to save"):
        saved(parent)


@settings(max_examples=15, deadline=None)
@given(runs, runs)
def test_any_run_can_be_saved_as_a_child_of_any_other(first: Run, second: Run) -> None:
    from falsework.child import _tree_of
    from falsework.write import layer_text
    from tests.falsework.test_dump import as_layer

    write("first.toml", layer_text({}, as_layer(first)))
    named = {*second.eval, *second.weights, *first.eval, *first.weights}
    assume(first != second and not any("=" in name for name in named))  # KEY=VALUE ends a key at the first =
    tree = _tree_of(settings_of("first.toml", second, load_files))
    write("second.toml", layer_text({"extends": "first.toml"}, tree))
    assert load("second.toml").value == second
