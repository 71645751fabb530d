"""How layers lie on each other: tables, lists, kinds, `_unset`, `_when` and `_every`."""

import pytest

from tests.falsework.toy import (
    BASE,
    AdamW,
    BitsPerByte,
    Completions,
    Convnet,
    Gpt,
    Muon,
    first_lines,
    load,
    on_base,
    on_base_wrong,
    write,
)

EVALS = """
    [eval.bits]
    kind = "bits_per_byte"
    [eval.samples]
    kind = "completions"
    num_samples = 7
"""
DATA = '[data]\nkind = "python_source"\n'


def test_tables_merge_by_key_and_values_are_replaced() -> None:
    config = on_base(
        "train.seed = 1\noptimizer.betas = [0.5, 0.6]", "optimizer.betas = [0.1, 0.2]\ntrain.shuffle = false"
    )
    assert config.value.optimizer == AdamW(lr=3e-4, betas=(0.1, 0.2))
    assert (config.value.train.seed, config.value.train.shuffle, config.value.train.num_steps) == (1, False, 100)


def test_lists_are_joined_only_when_a_layer_says_so() -> None:
    layers = [DATA + 'tags = ["a"]', DATA + 'tags = { _append = ["b"] }', DATA + 'tags = { _prepend = ["c"] }']
    assert on_base(*layers).value.data.tags == ("c", "a", "b")
    assert on_base(*layers, DATA + "tags = []").value.data.tags == ()


def test_joining_reaches_the_schema_default() -> None:
    layers = [DATA + 'tags = { _append = ["a"] }', DATA + 'tags = { _append = ["b"], _prepend = ["c"] }']
    assert on_base(*layers).value.data.tags == ("c", "python", "a", "b")


def test_joining_to_what_is_no_list_names_both_places() -> None:
    assert on_base_wrong("train.seed = 1", "train.seed = { _append = [1] }") == [
        "b.toml:1:14: train.seed: only a list can be added to, and this is the number 1 at a.toml:1:14",
    ]
    assert on_base_wrong("train.seed = { _append = [1] }") == [
        "a.toml:1:14: train.seed: nothing to add to: no earlier layer sets this list",
    ]


def test_another_kind_drops_what_earlier_layers_said() -> None:
    assert on_base("optimizer.weight_decay = 0.5", '[optimizer]\nkind = "muon"\nlr = 0.02').value.optimizer == Muon(
        lr=0.02
    )
    assert on_base_wrong('[optimizer]\nkind = "muon"') == [
        "a.toml:1:1: optimizer.lr: required, and no file sets it for this kind",
    ]


def test_what_is_required_and_was_unset_names_the_line_that_takes_it_back() -> None:
    again = '[optimizer]\nkind = "adamw"'
    for texts, first_line in {
        ("optimizer.lr = { _unset = true }",): "base.toml:4:1: optimizer.lr: required, and taken back at a.toml:1:11",
        ("[optimizer]\n_unset = true",): "base.toml:1:1: optimizer: required, and taken back at a.toml:1:2",
        ("[optimizer]\n_unset = true", again): "b.toml:1:1: optimizer.lr: required, and taken back at a.toml:1:2",
        ("train.num_steps = { _unset = true }",): "a.toml:1:1: train.num_steps: required, and taken back at a.toml:1:7",
    }.items():
        assert on_base_wrong(*texts) == [first_line]


def test_the_same_kind_again_keeps_them() -> None:
    config = on_base("optimizer.weight_decay = 0.5", '[optimizer]\nkind = "adamw"\nlr = 0.1')
    assert config.value.optimizer == AdamW(lr=0.1, weight_decay=0.5)


def test_unset_leaves_no_trace_of_a_key_or_a_table() -> None:
    config = on_base("train.seed = 4\n" + EVALS, "train.seed = { _unset = true }\n[eval.samples]\n_unset = true")
    assert config.value.train.seed == 0
    assert config.value.eval == {"bits": BitsPerByte()}
    assert on_base(EVALS, "eval.samples = { _unset = true }", EVALS).value.eval["samples"] == Completions(num_samples=7)


def test_unset_of_what_nobody_set_is_an_error() -> None:
    assert on_base_wrong("train.seed = { _unset = true }") == [
        "a.toml:1:16: train.seed: nothing to unset: no earlier layer sets it",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("optimizer = 3", "a.toml:1:1: optimizer: a value here, but a table at base.toml:4:1"),
        ("[train.num_steps]\nx = 1", "a.toml:1:8: train.num_steps: a table here, but the number 100 at base.toml:3:13"),
    ],
)
def test_a_table_against_a_value_names_both_places(text: str, line: str) -> None:
    assert line in on_base_wrong(text)


def test_when_applies_while_its_kind_is_in_force() -> None:
    profile = "[model._when.gpt]\nnum_layers = 2\n[model._when.convnet]\nchannels = [3]"
    assert on_base(profile).value.model == Gpt(num_layers=2)
    assert on_base("model.kind = 'convnet'", profile).value.model == Convnet(channels=(3,))
    both = "[model]\nkind = 'convnet'\nchannels = [9]\nnum_layers = 5\n[model._when.convnet]\nchannels = [3]"
    assert on_base(both).value.model == Convnet(channels=(3,), num_layers=5)


def test_every_applies_to_the_named_tables_of_its_place_in_the_order() -> None:
    profile = "[eval._every._when.completions]\nnum_samples = 1\n[eval._every._when.bits_per_byte]\nmax_bytes = 64"
    later = "[eval.late]\nkind = 'completions'"
    expected = {"bits": BitsPerByte(max_bytes=64), "samples": Completions(num_samples=1), "late": Completions()}
    assert on_base(EVALS, profile, later).value.eval == expected


def test_every_gives_way_to_what_the_same_layer_says_of_one_table() -> None:
    profile = "[eval._every._when.completions]\nnum_samples = 1\nmode = 'sample'\n[eval.samples]\nnum_samples = 2\n"
    own = "[eval.new]\nkind = 'completions'"
    config = on_base(EVALS, profile + own)
    assert config.value.eval["samples"] == Completions(num_samples=2, mode="sample")
    assert config.value.eval["new"] == Completions(num_samples=1, mode="sample")
    assert config.origins()["eval.samples.mode"] == "b.toml:3:8"
    assert config.origins()["eval.samples.num_samples"] == "b.toml:5:15"


def test_every_without_when_is_for_all_of_them_and_must_fit_all() -> None:
    assert on_base_wrong(EVALS, "[eval._every]\nnum_samples = 1") == [
        "b.toml:2:1: eval.bits.num_samples: unknown key for kind bits_per_byte",
    ]


def test_values_under_when_and_every_are_found_where_they_stand() -> None:
    config = on_base("[model._when.gpt]\nnum_heads = 8")
    assert config.origins()["model.num_heads"] == "a.toml:2:13"
    assert on_base_wrong("[model._when.gpt]\nnum_heads = 'x'") == [
        'a.toml:2:13: model.num_heads: expected a whole number, got the string "x"',
    ]


def test_merging_changes_no_layer() -> None:
    write("base.toml", BASE)
    write("a.toml", DATA + 'tags = ["a"]')
    write("b.toml", DATA + 'tags = { _append = ["b"] }\n[eval._every]\nmax_bytes = 2')
    first = load("base.toml", "a.toml", "b.toml", "b.toml")
    assert first.value.data.tags == ("a", "b", "b")
    assert [layer.values.get("data", {}).get("tags") for layer in first.files[1:3]] == [["a"], {"_append": ["b"]}]
    assert first_lines("a.toml")[0].startswith("a.toml")


def test_elements_of_joined_lists_keep_their_places() -> None:
    layers = (
        DATA + 'tags = ["a", "b"]',
        DATA + 'tags = { _append = ["c"], _prepend = ["d"] }',
        DATA + 'tags = { _append = [\n"e"] }',
    )
    config = on_base(*layers)
    assert config.value.data.tags == ("d", "a", "b", "c", "e")
    places = [config.origin(("data", "tags", position)) for position in range(5)]
    assert places == ["b.toml:3:39", "a.toml:3:9", "a.toml:3:14", "b.toml:3:21", "c.toml:4:1"]
    assert config.origin(("data", "tags")) == "c.toml:3:8"


def test_elements_of_a_list_joined_to_its_default_keep_theirs_too() -> None:
    config = on_base(DATA + 'tags = { _append = ["a"] }', DATA + 'tags = { _prepend = ["b"], _append = ["c"] }')
    assert config.value.data.tags == ("b", "python", "a", "c")
    places = [config.origin(("data", "tags", position)) for position in range(4)]
    assert places[0] == "b.toml:3:22"
    assert places[1].startswith("default ")
    assert places[2:] == ["a.toml:3:21", "b.toml:3:39"]


def test_a_wrong_element_of_a_joined_list_is_shown_at_its_own_place() -> None:
    layers = (DATA + 'tags = ["a", 1]', DATA + 'tags = { _append = [2, "c"] }')
    assert on_base_wrong(*layers) == [
        "a.toml:3:14: data.tags[1]: expected a string, got the number 1",
        "b.toml:3:21: data.tags[2]: expected a string, got the number 2",
    ]


def test_values_in_a_table_of_a_misspelt_kind_are_checked_too() -> None:
    assert on_base_wrong('[optimizer]\nkind = "muom"\nmomentum = "high"') == [
        "a.toml:2:8: optimizer.kind: unknown kind muom",
        'a.toml:3:12: optimizer.momentum: expected a number, got the string "high"',
    ]
