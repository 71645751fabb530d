"""Values that are read from others: ties, formulas, derived fields."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import text

import falsework
from falsework import Config, ConfigError
from falsework.paths import quoted
from tests.falsework import toy
from tests.falsework.toy import helps, load, on_base, on_base_wrong, write


def test_a_tie_has_the_value_that_wins_in_the_end() -> None:
    tie = "model.max_positions = { _ref = 'data.seq_len' }"
    assert on_base(tie).value.model.max_positions == 128  # a default
    assert on_base(tie, "data = { kind = 'python_source', seq_len = 7 }").value.model.max_positions == 7


def test_chains_lists_and_quoted_parts_are_followed() -> None:
    config = on_base("""
        train.seed = { _ref = 'model.num_heads' }
        note = { _ref = 'train.device' }
        [model]
        num_heads = { _ref = 'model.num_layers' }
        dim = 66
        [weights]
        "a b" = 0.5
        web = { _ref = 'weights."a b"' }
        [optimizer]
        betas = [0.1, 0.2]
    """)
    assert (config.value.train.seed, config.value.note, config.value.weights["web"]) == (6, "auto", 0.5)


def test_a_tie_can_be_overridden_and_can_override() -> None:
    assert on_base("train.seed = { _ref = 'model.num_layers' }", "train.seed = 1").value.train.seed == 1
    assert on_base("train.seed = 1", "train.seed = { _ref = 'model.num_layers' }").value.train.seed == 6


def test_a_circle_of_ties_names_every_place() -> None:
    assert on_base_wrong("""
        train.seed = { _ref = 'model.dim' }
        [model]
        dim = { _ref = 'model.num_heads' }
        num_heads = { _ref = 'model.dim' }
    """) == [
        (
            "a.toml:3:7: model.dim: values go round in a circle: "
            "model.dim (a.toml:3:7) -> model.num_heads (a.toml:4:13) -> model.dim"
        ),
    ]


def test_a_tie_to_itself_is_a_circle() -> None:
    assert on_base_wrong("train.seed = { _ref = 'train.seed' }") == [
        "a.toml:1:14: train.seed: values go round in a circle: train.seed (a.toml:1:14) -> train.seed",
    ]


def test_a_tie_to_nothing_names_the_nearest_path() -> None:
    text = "train.seed = { _ref = 'model.num_layer' }"
    assert on_base_wrong(text) == ["a.toml:1:14: train.seed: there is no model.num_layer"]
    assert helps(text) == ["did you mean model.num_layers?"]


def test_a_tie_to_an_optional_field_that_is_absent_says_so() -> None:
    assert on_base_wrong("train.seed = { _ref = 'model.max_positions' }") == [
        "a.toml:1:14: train.seed: model.max_positions is optional, and nothing sets it",
    ]


def test_a_table_cannot_be_tied() -> None:
    assert on_base_wrong("train.seed = { _ref = 'model' }") == [
        "a.toml:1:14: train.seed: model is a table; only values can be read",
    ]


def test_a_tie_to_what_is_wrong_itself_is_not_reported_twice() -> None:
    assert on_base_wrong("train.seed = { _ref = 'model.num_heads' }\nmodel.kind = 'gtp'") == [
        "a.toml:2:14: model.kind: unknown kind gtp",
    ]


def test_a_tied_value_of_the_wrong_type_is_pointed_at_the_tie() -> None:
    assert on_base_wrong("train.seed = { _ref = 'train.device' }") == [
        'a.toml:1:14: train.seed: expected a whole number, got the string "auto"',
    ]


def test_a_formula_reads_the_values_that_win_in_the_end() -> None:
    formula = "model.max_positions = { _expr = 'train.num_steps // 3 + data.seq_len * 2' }"
    assert on_base(formula).value.model.max_positions == 33 + 256
    assert on_base(formula, "train.num_steps = 9").value.model.max_positions == 3 + 256


def test_formulas_ties_and_formulas_of_formulas_are_resolved_in_any_order() -> None:
    config = on_base(
        """
        train.seed = { _expr = 'model.dim / 8 * 1.0 // 1 - 1' }
        [model]
        dim = { _expr = 'model.num_heads * 16' }
        num_heads = { _ref = 'model.num_layers' }
        max_positions = { _expr = 'max(model.dim, int(7.5))' }
        [optimizer]
        lr = { _expr = '1e-3 * 2 ** -1' }
    """.replace("model.dim / 8 * 1.0 // 1 - 1", "model.dim // 8 - 1")
    )
    assert (config.value.model.dim, config.value.model.max_positions, config.value.train.seed) == (96, 96, 11)
    assert config.value.optimizer.lr == 5e-4


def test_what_no_kind_has_cannot_be_read_though_a_later_layer_says_something_else() -> None:
    later = "[train]\nseed = 1\nnum_steps = 2"
    text = """
        [train]
        seed = { _ref = 'model.num_layer' }
        num_steps = { _expr = 'model.num_layers + x * 2' }
        """
    assert on_base_wrong(text, later) == [
        "a.toml:2:8: train.seed: there is no model.num_layer",
        "a.toml:3:43: train.num_steps: there is no x",
    ]
    on_base("train.seed = { _expr = 'optimizer.momentum * 2' }", later)  # another kind has it


def test_a_formula_says_where_it_is_wrong() -> None:
    assert on_base_wrong(
        """
        note = "x"
        train.seed = { _expr = "1 +* 2" }
        train.num_steps = { _expr = 'model.num_layer * 2' }
        train.num_threads = { _expr = "1 / (model.num_layers - 6)" }
        model.dim = { _expr = "train.shuffle + 1" }
        model.num_heads = { _expr = "model.dim / 16" }
        model.max_positions = { _expr = 3 }
        """
    ) == [
        "a.toml:2:28: train.seed._expr: expected a number, a path or ( and not *",
        "a.toml:3:30: train.num_steps: there is no model.num_layer",
        "a.toml:4:34: train.num_threads: division by zero",
        "a.toml:5:24: model.dim: train.shuffle is true, not a number",
        "a.toml:7:33: model.max_positions._expr: expected a formula in quotes",
    ]


def test_a_typo_in_a_formula_that_a_later_layer_shadows_is_still_an_error() -> None:
    assert on_base_wrong("train.seed = { _expr = '1 +' }", "train.seed = 1") == [
        "a.toml:1:28: train.seed._expr: expected a number, a path or ( and not the end"
    ]


def test_a_formula_that_is_no_whole_number_names_the_way_out() -> None:
    text = "train.seed = { _expr = 'model.num_layers / 4' }"
    assert on_base_wrong(text) == ["a.toml:1:14: train.seed: expected a whole number, got the number 1.5"]
    assert helps(text) == ["use // or round()"] or helps("train.seed = { _expr = 'model.num_layers / 2' }") == [
        "use // or round()"
    ]


def test_a_circle_over_ties_and_formulas_names_every_place() -> None:
    assert on_base_wrong("train.seed = { _expr = '1 + model.dim' }\nmodel.dim = { _ref = 'train.seed' }") == [
        (
            "a.toml:1:24: train.seed: values go round in a circle: "
            "train.seed (a.toml:1:14) -> model.dim (a.toml:2:13) -> train.seed"
        )
    ]


def test_a_chain_of_a_thousand_links_is_followed() -> None:
    links = "".join(f"w{number} = {{ _expr = 'weights.w{number + 1} + 1' }}\n" for number in range(1000))
    assert on_base(f"[weights]\n{links}w1000 = 0.5").value.weights["w0"] == 1000.5


def test_nothing_can_be_joined_to_a_formula() -> None:
    layers = ("data = { kind = 'python_source', tags = { _expr = '1' } }", "data.tags = { _append = ['x'] }")
    first = next(line for line in on_base_wrong(*layers) if "added to" in line)
    assert first == (
        "b.toml:1:13: data.tags: only a list can be added to, and this is a value read from elsewhere at a.toml:1:41"
    )


@given(text(max_size=60))
def test_no_formula_gives_anything_but_a_config_or_a_config_error(formula: str) -> None:
    write("fuzz.toml", f"train.seed = {{ _expr = {quoted(formula)} }}".encode(errors="replace").decode())
    write("base.toml", toy.BASE)
    with suppress(ConfigError):
        load("base.toml", "fuzz.toml")


DERIVED: Mapping[str, Any] = {
    "model.max_positions": (("data.seq_len",), lambda seq_len: seq_len * 2),
    "train.num_steps": (
        ("model.num_layers", "model.max_positions"),
        lambda layers, positions: layers * (positions or 1),
    ),
    "model.channels": (("train.seed",), lambda seed: (seed, seed)),
    "data.seq_len": (("train.seed",), lambda seed: None if seed == 0 else 10 // seed),
}


def derive(text: str, derived: Mapping[str, Any] = DERIVED) -> Config:
    write("base.toml", toy.BASE.replace("num_steps = 100", ""))
    write("a.toml", text)
    return falsework.load(["base.toml", "a.toml"], root=toy.Run, kinds=toy.KINDS, derived=derived)


def test_a_derived_field_follows_while_no_layer_sets_it() -> None:
    config = derive("")
    assert (config.value.model.max_positions, config.value.train.num_steps) == (256, 6 * 256)
    assert config.value.data.seq_len == 128, "a derivation that gives None leaves the default"
    assert derive("train.seed = 5").value.data.seq_len == 2, "it goes before the default"
    config = derive("train.num_steps = 3\nmodel.max_positions = { _ref = 'train.num_steps' }")
    assert (config.value.model.max_positions, config.value.train.num_steps) == (3, 3)


def test_a_derived_field_is_shown_as_derived() -> None:
    config = derive("")
    assert config.origins()["model.max_positions"].startswith("derived ")
    assert config.origins()["model.max_positions"].rpartition("/")[2].startswith("test_links.py:")
    (event,) = config.story("train.num_steps")
    assert (event.word, event.value, event.note) == ("derived", 1536, "from model.num_layers, model.max_positions")


def test_a_derivation_holds_for_the_kinds_that_have_its_fields() -> None:
    assert derive('model = { kind = "convnet" }\ntrain = { seed = 4, num_steps = 1 }').value.model.channels == (4, 4)
    write("base.toml", toy.BASE.replace("num_steps = 100", ""))
    with pytest.raises(ConfigError, match=r"train\.num_steps: required, and no file sets it"):
        derive('[model]\nkind = "convnet"')


def test_a_derived_value_is_checked_as_any_other() -> None:
    with pytest.raises(ConfigError, match=r"train\.num_steps: .*must be >= 1.* \(derived from model\.num_layers\)"):
        derive("", {"train.num_steps": (("model.num_layers",), lambda layers: -layers)})

    def refuse(layers: int) -> int:
        raise ValueError(f"cannot do with {layers}")

    with pytest.raises(ConfigError, match=r"cannot do with 6 \(derived from model\.num_layers\)"):
        derive("", {"train.num_steps": (("model.num_layers",), refuse)})


def test_a_circle_over_derivations_names_every_place() -> None:
    derived = {"train.num_steps": (("train.seed",), lambda seed: seed)}
    with pytest.raises(ConfigError, match=r"\(a\.toml:1:14\) -> train\.num_steps \(derived .*py:\d+\) -> train\.seed"):
        derive("train.seed = { _ref = 'train.num_steps' }", derived)


def test_what_is_wrong_where_it_is_read_from_is_told_once() -> None:
    ties = "model.max_positions = { _ref = 'data.seq_len' }\nlog.every_steps = { _ref = 'model.max_positions' }"
    assert on_base_wrong(f"data.kind = 'python_source'\ndata.seq_len = 'x'\n{ties}") == [
        'a.toml:2:16: data.seq_len: expected a whole number, got the string "x"',
    ]
    formula = "train.num_steps = { _expr = '2 - 2' }\nmodel.max_positions = { _ref = 'train.num_steps' }"
    assert [line.partition(": ")[0] for line in on_base_wrong(formula)] == ["a.toml:1:19"]
