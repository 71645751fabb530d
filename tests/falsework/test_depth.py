"""Depth of extends, and the one file that stands for all."""

from pathlib import Path

import tomli_w
from hypothesis import given, settings

from falsework.depth import depth, flatten
from tests.falsework.test_dump import as_layer, runs
from tests.falsework.toy import BASE, Run, load, write


def test_depth_is_the_longest_way_to_a_base() -> None:
    write("0.toml", BASE)
    write("configs/1.toml", 'extends = "../0.toml"')
    write("configs/2.toml", 'extends = ["../0.toml", "1.toml"]')
    write("layer.toml", "train.seed = 1")
    depths = [depth(load(name)) for name in ("0.toml", "configs/1.toml", "configs/2.toml")]
    assert depths == [0, 1, 2]
    assert depth(load("configs/2.toml", "layer.toml")) == 2


@settings(max_examples=50)
@given(runs, runs)
def test_a_flattened_config_is_the_same_experiment(left: Run, right: Run) -> None:
    Path("a.toml").write_text(tomli_w.dumps(as_layer(left)), encoding="utf-8", newline="")
    Path("b.toml").write_text(tomli_w.dumps({"extends": "a.toml", **as_layer(right)}), encoding="utf-8", newline="")
    Path("flat.toml").write_text(flatten(load("b.toml"), "x"), encoding="utf-8", newline="")
    flat = load("flat.toml")
    assert flat.value == load("b.toml").value
    assert flat.files[0].extends == ()
    assert flatten(flat, "x") == flatten(load("b.toml"), "x")


def test_ties_and_defaults_live_on() -> None:
    write("base.toml", BASE + "    max_positions = { _ref = 'data.seq_len' }")
    write("child.toml", 'extends = "base.toml"\nwhy = "?"\n[data]\nkind = "python_source"\ntags = { _append = ["a"] }')
    text = flatten(load("child.toml"), "whole")
    assert text.startswith('# whole\nschema = 1\nwhy = "?"\n')
    assert 'max_positions = { _ref = "data.seq_len" }' in text
    assert "num_heads" not in text
    write("flat.toml", text)
    write("longer.toml", "data.seq_len = 9")
    assert load("flat.toml").value.data.tags == ("python", "a")
    assert load("flat.toml", "longer.toml").value.model.max_positions == 9
