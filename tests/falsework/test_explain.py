"""How a config came to be, in words."""

import json
from typing import Any

import pytest

import falsework
from falsework import Config, ConfigError
from falsework.explain import explain, json_of, text_of, whole_json, whole_text
from tests.falsework import toy
from tests.falsework.toy import BASE, load, write


def story(config: Config, key: str) -> list[str]:
    """The explanation's lines, blanks made one."""
    return [" ".join(line.split()) for line in text_of(explain(config, key)).splitlines()]


def test_who_set_it_and_what_that_overrode() -> None:
    write("base.toml", BASE)
    write("child.toml", 'extends = "base.toml"\noptimizer.lr = 0.1')
    write("layer.toml", "optimizer.lr = 0.2")
    assert story(load("child.toml", "layer.toml"), "optimizer.lr") == [
        "optimizer.lr = 0.2",
        "float, required, science",
        "overridden base.toml:6:6 0.0003",
        "overridden child.toml:2:16 0.1",
        "set layer.toml:1:16 0.2",
    ]


def test_what_another_kind_dropped() -> None:
    write("base.toml", BASE)
    write("child.toml", 'extends = "base.toml"\n[optimizer]\nkind = "muon"\nlr = 0.1')
    config = load("child.toml")
    assert story(config, "optimizer.lr")[2:] == [
        "set base.toml:6:6 0.0003",
        'dropped child.toml:3:8 0.0003 kind = "muon"',
        "set child.toml:4:6 0.1",
    ]
    table = story(config, "optimizer")
    assert table[:2] == ["[optimizer]", 'dropped child.toml:3:8 { kind = "adamw", lr = 0.0003 } kind = "muon"']
    assert "optimizer.lr 0.1 child.toml:4:6" in table


def test_what_was_taken_away() -> None:
    write("base.toml", BASE + "    [eval.x]\n    kind = 'completions'")
    write("child.toml", 'extends = "base.toml"\n[eval.x]\n_unset = true')
    assert story(load("child.toml"), "eval.x") == [
        "eval.x is not set",
        'dropped child.toml:3:10 { kind = "completions" } eval.x: _unset',
    ]


def test_ties_in_both_directions() -> None:
    write("base.toml", BASE + "    max_positions = { _ref = 'data.seq_len' }")
    config = load("base.toml")
    tied, reads = story(config, "model.max_positions")[2:]
    assert tied == "tied base.toml:10:17 128 to data.seq_len"
    assert reads.startswith("reads data.seq_len = 128 default ")
    assert story(config, "data.seq_len")[-1] == "read by model.max_positions"


def test_defaults_and_absence() -> None:
    write("base.toml", BASE)
    config = load("base.toml")
    assert story(config, "train.seed")[1] == "int, default 0, science"
    assert story(config, "train.seed")[2].startswith("default default ")
    assert story(config, "note") == ["note is not set", "str, optional, science"]


def test_profiles_that_apply_and_that_do_not() -> None:
    write("base.toml", BASE + "    [eval.a]\n    kind = 'bits_per_byte'\n    [eval.b]\n    kind = 'completions'")
    write(
        "debug.toml",
        "[model._when.gpt]\nnum_layers = 1\n[model._when.convnet]\nnum_layers = 2\n"
        "[eval._every._when.bits_per_byte]\nmax_bytes = 3",
    )
    config = load("base.toml", "debug.toml")
    assert story(config, "model.num_layers")[2:] == [
        "overridden base.toml:9:14 6",
        "set debug.toml:2:14 1 applied: kind is gpt",
        "not applied debug.toml:4:14 2 only for kind convnet",
    ]
    assert story(config, "eval.a.max_bytes")[-1] == (
        "set debug.toml:6:13 3 applied: for every table, kind is bits_per_byte"
    )
    assert story(config, "eval.b.max_bytes") == [
        "eval.b.max_bytes is not set",
        "not applied debug.toml:6:13 3 only for kind bits_per_byte",
    ]


@pytest.mark.parametrize("key", ["optimizer.lrr", "lr", "nothing.at.all", "optimizer.lr.x"])
def test_what_is_not_there_is_one_error(key: str) -> None:
    write("base.toml", BASE)
    with pytest.raises(ConfigError, match="base: there is no ") as caught:
        explain(load("base.toml"), key)
    assert ("did you mean optimizer.lr?" in str(caught.value)) == (key != "nothing.at.all")


@pytest.mark.parametrize("layer", ["profiles/debug.toml", "debug.toml"])
def test_a_layer_in_the_place_of_a_key_is_to_be_joined(layer: str) -> None:
    write("base.toml", BASE)
    with pytest.raises(ConfigError, match=r"a layer is joined to its file: FILE\+LAYER"):
        explain(load("base.toml"), layer)


@pytest.mark.parametrize("key", ["not a key", "", "data.tags[0]"])
def test_what_is_no_path_is_said_to_be_none(key: str) -> None:
    write("base.toml", BASE)
    with pytest.raises(ConfigError, match=r"is no dotted path\n  help: for example optimizer\.lr"):
        explain(load("base.toml"), key)


def test_a_derived_field_is_not_called_required_when_a_layer_ties_it() -> None:
    write("base.toml", BASE.replace("num_steps = 100", "num_steps = { _ref = 'train.num_threads' }"))
    derived: dict[str, Any] = {"train.num_steps": (("model.num_layers",), lambda layers: layers)}
    config = falsework.load(["base.toml"], root=toy.Run, kinds=toy.KINDS, derived=derived)
    explanation = explain(config, "train.num_steps")
    assert "  int, derived from model.num_layers unless set, science\n" in text_of(explanation)
    assert json_of(explanation)["derived_from"] == ["model.num_layers"]
    assert "  int, required, science\n" in text_of(explain(config, "model.num_layers"))


def test_all_values_have_places_and_the_run_is_summed_up() -> None:
    write("base.toml", BASE)
    config = load("base.toml")
    text = whole_text(config, [("steps", 1200, "", "train.num_steps")])
    assert text.startswith("base\nthe base\n\ntrain.num_steps")
    assert text.endswith("\n\nsteps  1,200    train.num_steps\n")
    told = whole_json(config, [("steps", 1200, "", "train.num_steps")])
    assert {row["path"]: row["place"] for row in told["values"]} == config.origins()
    assert told["run"]["steps"]["value"] == 1200
    json.dumps(told, allow_nan=False)


def test_json_has_the_story() -> None:
    write("base.toml", BASE)
    write("layer.toml", "[weights]\nx = inf")
    told = json_of(explain(load("base.toml", "layer.toml"), "weights.x"))
    assert told["value"] == "inf"
    assert told["story"] == [{"word": "set", "place": "layer.toml:2:5", "value": "inf", "note": ""}]
    json.dumps(json_of(explain(load("base.toml", "layer.toml"), "weights")), allow_nan=False)
