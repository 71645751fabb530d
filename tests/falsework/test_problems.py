"""What the user sees when something is wrong."""

import pickle
from pathlib import Path

import pytest

from falsework import ConfigError
from falsework.report import MAX_SHOWN
from tests.falsework.toy import BASE, helps, load, on_base_wrong, problems, write


def report(*names: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(*names)
    return str(caught.value)


def test_a_report_is_places_lines_carets_and_help() -> None:
    write("configs/base.toml", BASE)
    write("configs/a.toml", 'extends = "base.toml"\n[model]\nnum_laers = 8\n\n[train]\nseed = "1" # one')
    assert report("configs/a.toml") == (
        "configs/a.toml:3:1: model.num_laers: unknown key for kind gpt\n"
        "  3 | num_laers = 8\n"
        "    | ^^^^^^^^^\n"
        "  help: did you mean num_layers?\n"
        'configs/a.toml:6:8: train.seed: expected a whole number, got the string "1"\n'
        '  6 | seed = "1" # one\n'
        "    |        ^^^\n"
        "  help: write seed = 1, without quotes\n"
        "2 problems in 1 file; nothing was run"
    )


def test_problems_come_by_file_in_order_of_application_then_by_line() -> None:
    write("base.toml", BASE + "    x = 1\n    y = 1")
    write("a.toml", 'extends = "base.toml"\nz = 1')
    places = [line.split(": ")[0] for line in report("a.toml").splitlines() if ".toml:" in line]
    assert places == ["base.toml:10:1", "base.toml:11:1", "a.toml:2:1"]
    assert report("a.toml").endswith("3 problems in 2 files; nothing was run")


def test_a_layer_that_applies_twice_is_reported_once() -> None:
    write("root.toml", BASE + "    x = 1")
    write("a.toml", 'extends = ["root.toml", "root.toml"]')
    assert report("a.toml").endswith("1 problem in 1 file; nothing was run")


def test_a_file_name_is_one_line_whatever_is_in_it() -> None:
    write("a\nb.toml", BASE + "    x = 1")
    assert report("a\nb.toml").startswith("a\\u000ab.toml:10:1: model.x: unknown key for kind gpt\n  10 | x = 1\n")
    assert report("b\nc.toml").startswith("b\\u000ac.toml: no such file")


def test_a_report_of_another_process_arrives() -> None:
    write("base.toml", BASE + "    x = 1")
    with pytest.raises(ConfigError) as caught:
        load("base.toml")
    arrived = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own bytes
    assert str(arrived) == str(caught.value)


def test_a_flood_is_cut() -> None:
    write("base.toml", BASE)
    write("a.toml", "\n".join(f"key{number} = 1" for number in range(MAX_SHOWN + 7)))
    assert report("base.toml", "a.toml").splitlines()[-2:] == ["and 7 more", "57 problems in 1 file; nothing was run"]


def test_nothing_in_a_file_reaches_the_terminal_as_a_control_character() -> None:
    write("base.toml", BASE)
    Path("a.toml").write_text('"\x7f"  = 1'.replace("\x7f", "\\u001b[31m\\u202e") + ' # \u202e\n\tseed = "\\u0007"\n')
    shown = report("base.toml", "a.toml")
    assert all(character == "\n" or character.isprintable() for character in shown)
    assert "\\u0009seed" in shown


def test_a_long_line_is_cut_around_the_caret() -> None:
    write("base.toml", BASE)
    write("a.toml", "weights = { " + ", ".join(f"a{number} = 1.0" for number in range(500)) + ", b = 'x', c = 1 }")
    source, caret = report("base.toml", "a.toml").splitlines()[1:3]
    assert len(source) < 130
    start, end = caret.index("^"), caret.rindex("^") + 1
    assert source[start:end] == "'x'"


def test_what_a_newcomer_writes_is_answered_with_what_to_write() -> None:
    for text, mend in {
        "train.num_steps = '10k'": "write num_steps = 10000, without quotes",
        "optimizer.lr = '10%'": "write lr = 0.1, without quotes",
        "note = None": "there is no null: leave the key out; what a base says is taken back by { _unset = true }",
        "train.shuffle = False": "write false",
        "note = later # or never": 'text stands in quotes: "later"',
        "[[model]]\nkind = 'gpt'": "write [model]",
        "[optimizer]\nkind = 'muon'": "base.toml:6:6 did, for another kind",
    }.items():
        assert helps(text) == [mend], text
    assert on_base_wrong("optimizer.lr = 0") == ["a.toml:1:16: optimizer.lr: must be > 0, got 0.0"]


def test_what_is_missing_says_what_it_is() -> None:
    write("a.toml", "[train]\nseed = 1\n")
    assert {problem.path: problem.help for problem in problems("a.toml")} == {
        ("model",): 'write [model] with kind = "gpt" or "convnet", or extend a file that does',
        ("optimizer",): 'write [optimizer] with kind = "adamw" or "muon", or extend a file that does',
        ("train", "num_steps"): "",
    }


@pytest.mark.parametrize("line", ["{} = 1", "optimizer.kind = '{}'", "note = {{ _ref = '{}' }}"])
def test_a_word_without_end_is_told_by_its_beginning(line: str) -> None:
    write("base.toml", BASE)
    write("a.toml", line.format("a" * 100_000))
    said = report("base.toml", "a.toml")
    assert "a" * 1_000 in said
    assert len(said) < 4_000
