"""Value tying."""

from tests.falsework.toy import helps, on_base, on_base_wrong


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
            "a.toml:3:7: model.dim: ties go round in a circle: "
            "model.dim (a.toml:3:7) -> model.num_heads (a.toml:4:13) -> model.dim"
        ),
    ]


def test_a_tie_to_itself_is_a_circle() -> None:
    assert on_base_wrong("train.seed = { _ref = 'train.seed' }") == [
        "a.toml:1:14: train.seed: ties go round in a circle: train.seed (a.toml:1:14) -> train.seed",
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
        "a.toml:1:14: train.seed: model is a table; tie its values one by one",
    ]


def test_a_tie_to_what_is_wrong_itself_is_not_reported_twice() -> None:
    assert on_base_wrong("train.seed = { _ref = 'model.num_heads' }\nmodel.kind = 'gtp'") == [
        "a.toml:2:14: model.kind: unknown kind gtp",
    ]


def test_a_tied_value_of_the_wrong_type_is_pointed_at_the_tie() -> None:
    assert on_base_wrong("train.seed = { _ref = 'train.device' }") == [
        'a.toml:1:14: train.seed: expected a whole number, got the string "auto"',
    ]
