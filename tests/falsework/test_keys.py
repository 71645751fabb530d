"""Every layer's own keys: what is unknown, in which kind, and where it probably belongs."""

import pytest

from tests.falsework.toy import BASE, Muon, first_lines, helps, load, on_base, on_base_wrong, write


def test_a_typo_that_a_later_layer_shadows_is_still_an_error() -> None:
    assert on_base_wrong("train.sed = 1", "train.seed = 2") == ["a.toml:1:7: train.sed: unknown key"]


def test_a_key_of_a_kind_that_a_later_layer_replaces_is_still_checked() -> None:
    assert on_base_wrong("optimizer.momentum = 0.9", '[optimizer]\nkind = "muon"\nlr = 1.0') == [
        "a.toml:1:11: optimizer.momentum: unknown key for kind adamw",
    ]


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("model.num_layer = 1", "did you mean num_layers?"),
        ("train.lr = 1", "lr belongs to optimizer.lr"),
        ("max_bytes = 1", "max_bytes belongs to eval.NAME.max_bytes"),
        ("model.channels = [1]", "channels is a key of kind convnet; the kind here is gpt"),
        ("log.zzz = 1", "this table takes every_steps, file, token_env"),
        ("[optimiser]\nlr = 1", "did you mean optimizer?"),
        ("optimizer.knd = 'muon'", "did you mean kind?"),
        ('[optimizer]\nkind = "adam"', "did you mean adamw?"),
        ('[optimizer]\nkind = "shampoo"', "one of: adamw, muon"),
        ("[train]\nseed = { _apend = ['x'] }", "did you mean _append?"),
    ],
)
def test_help_names_what_was_probably_meant(text: str, mend: str) -> None:
    assert helps(text) == [mend]


def test_while_the_kind_is_unknown_keys_of_any_kind_are_right() -> None:
    write("early.toml", "[optimizer]\nlr = 0.5\nmomentum = 0.8")
    write("late.toml", BASE.replace("lr = 3e-4", "").replace('"adamw"', '"muon"'))
    assert first_lines("early.toml")  # alone it lacks the kind
    assert load("early.toml", "late.toml").value.optimizer == Muon(lr=0.5, momentum=0.8)


def test_a_key_that_the_final_kind_does_not_have_is_an_error_where_it_stands() -> None:
    write("early.toml", "[optimizer]\nlr = 0.5\nmomentum = 0.8")
    write("late.toml", BASE)
    assert first_lines("early.toml", "late.toml") == ["early.toml:3:1: optimizer.momentum: unknown key for kind adamw"]


def test_kind_is_always_written() -> None:
    write("a.toml", BASE.replace('kind = "adamw"', ""))
    assert first_lines("a.toml") == ["a.toml:4:1: optimizer.kind: required: it says what this table is"]


def test_kind_is_a_word() -> None:
    assert on_base_wrong("model.kind = 3") == ["a.toml:1:14: model.kind: kind is a word, not the number 3"]
    assert on_base_wrong('model.kind = { _ref = "optimizer.kind" }') == [
        "a.toml:1:14: model.kind: kind is a word, not a table",
    ]


NO_WORD = "is no word of the config language, which owns all keys that begin with _"


@pytest.mark.parametrize(
    ("text", "first_line"),
    [
        ("train.seed = { _rf = 'x' }", f"train.seed._rf: _rf {NO_WORD}"),
        ("train.num_steps = { _rf = 'x' }", f"train.num_steps._rf: _rf {NO_WORD}"),
        ("_seed = 1", f"_seed: _seed {NO_WORD}"),
        ("train.seed = { _ref = 'x.y', other = 1 }", "train.seed._ref: _ref stands alone"),
        ("train.seed = { _ref = 'x.y', _unset = true }", "train.seed._ref: _ref stands alone"),
        ("[eval.x]\n_unset = true\nkind = 'completions'", "eval.x._unset: _unset stands alone"),
        ("train.seed = { _ref = 3 }", "train.seed._ref: expected a dotted path"),
        ("train.seed = { _ref = 'a..b' }", "train.seed._ref: expected a dotted path"),
        ("optimizer.betas = { _append = 1 }", "optimizer.betas._append: expected a list, got the number 1"),
        ("train.seed = { _unset = false }", "train.seed._unset: expected true"),
        ("_unset = true", "_unset: _unset belongs into a table below the root, or the place of a value"),
        ("[train]\n_ref = 'model'", "train._ref: _ref belongs into the place of a value: key = { _ref = ... }"),
        ("[train._when.gpt]\nseed = 1", "train._when: _when belongs into a table that has a kind"),
        ("[model._every]\ndim = 1", "model._every: _every belongs into a table of named tables"),
        ("[weights._every]\na = 1", "weights._every: _every belongs into a table of named tables"),
        ("train.seed = { _when = { gpt = 1 } }", "train.seed._when: _when belongs into a table, and this is a value"),
        ("[model._when.gtp]\ndim = 1", "model._when.gtp: unknown kind gtp"),
        ("[model._when.convnet]\ndim = 1", "model._when.convnet.dim: unknown key"),
        ("[model._when.convnet]\nkind = 'gpt'", "model._when.convnet.kind: kind cannot depend on other tables"),
        ("model._when = 3", "model._when: expected a table for each kind"),
        ("eval._every = 3", "eval._every: expected a table, got the number 3"),
        ("[eval._every]\nmax_byte = 3", "eval._every.max_byte: unknown key"),
        ("[eval._every]\n_unset = true", "eval._every._unset: _unset cannot depend on other tables"),
    ],
)  # fmt: skip
def test_words_of_the_language_stand_in_their_places(text: str, first_line: str) -> None:
    [found] = on_base_wrong(text)
    assert found.split(": ", 1)[1] == first_line


def test_no_named_table_is_called_kind() -> None:
    assert on_base_wrong("[eval.kind]\nkind = 'completions'", "weights.kind = 1") == [
        "a.toml:1:7: eval.kind: kind is a word of the config language",
        "b.toml:1:9: weights.kind: kind is a word of the config language",
    ]


def test_an_unknown_key_is_reported_once_even_when_its_kind_comes_late() -> None:
    write("early.toml", "[optimizer]\nlrr = 0.5")
    write("late.toml", BASE)
    assert first_lines("early.toml", "late.toml") == ["early.toml:2:1: optimizer.lrr: unknown key"]


def test_append_and_prepend_may_stand_together() -> None:
    config = on_base("data.kind = 'python_source'\ndata.tags = { _append = ['z'], _prepend = ['a'] }")
    assert config.value.data.tags == ("a", "python", "z")


def test_what_a_profile_says_wrongly_is_told_once_and_for_which_kinds_it_is_right() -> None:
    wrong_for_gpt = "[model._when.gpt]\nwidth = 1"
    assert on_base_wrong(wrong_for_gpt) == ["a.toml:2:1: model._when.gpt.width: unknown key"]
    evals = "[eval.a]\nkind = 'completions'\n[eval.b]\nkind = 'bits_per_byte'\n[eval.c]\nkind = 'completions'\n"
    every = f"{evals}[eval._every]\nmax_bytes = 3"
    assert on_base_wrong(every) == ["a.toml:8:1: eval.a.max_bytes: unknown key for kind completions"]
    assert helps(every) == ["for the kinds that have it: [eval._every._when.KIND]"]
