"""Ejected files: they make an equal object without falsework, whatever the values, and they read well."""

import ast
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
import tomli_w
from hypothesis import given, settings

import bindings
import falsework
from bindings.experiment import fingerprint
from bindings.plain import flat, from_plain, to_plain
from falsework.eject import eject, literal
from tests.falsework import toy
from tests.falsework.test_dump import as_layer, runs
from tests.falsework.toy import load, on_base, write

CONFIGS = Path(__file__).parents[2] / "configs"
TRAINER = "bindings.experiment.train_file"


def run_in(text: str) -> object:
    """What the file's `run` is when the file is run, and not as a script."""
    return runpy.run_path(write("ejected.py", text))["run"]


@settings(max_examples=40, deadline=None)
@given(runs)
def test_any_config_comes_back_equal(run: toy.Run) -> None:
    Path("a.toml").write_text(tomli_w.dumps(as_layer(run)), encoding="utf-8", newline="")
    text = eject(load("a.toml"), train_with=TRAINER)
    again = run_in(text)
    assert again == run
    assert repr(again) == repr(run), "types and signs of zero too"


def test_set_values_come_first_with_their_place_and_defaults_are_written_out() -> None:
    text = eject(
        on_base("model.max_positions = { _ref = 'data.seq_len' }\ndata.kind = 'python_source'"), train_with="a.b"
    )
    assert (
        "    model=Gpt(  # base.toml:8:8\n"
        "        num_layers=6,  # base.toml:9:14\n"
        "        max_positions=128,  # a.toml:1:23, from data.seq_len\n"
        "        num_heads=4,  # default\n"
        "        dim=64,  # default\n"
        "    ),\n"
    ) in text
    assert '    log=Log(every_steps=50, file=Path("log.txt")),  # default\n' in text
    assert "note" not in text, "absence is left out"
    assert 'why = "the base"\n' in text
    assert "#   base.toml: the base\n#   a.toml\n" in text
    assert text.endswith('if __name__ == "__main__":\n    b(__file__)\n')
    assert "falsework" not in {node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}


def test_a_default_that_changes_later_changes_nothing() -> None:
    config = on_base()
    tree = ast.parse(eject(config, train_with="a.b"))
    calls = {
        node.func.id: node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    for owner in (toy.AdamW, toy.Gpt, toy.Train, toy.Log, toy.PythonSource):
        written = {keyword.arg for keyword in calls[owner.__name__].keywords}
        optional = {field.name for field in attrs.fields(owner) if field.default is None}
        assert written == {field.name for field in attrs.fields(owner)} - optional


def test_no_text_of_a_config_becomes_code() -> None:
    evil = '"""\nimport os; os.system("touch evil")\n#'
    Path("evil.toml").write_text(tomli_w.dumps({"why": evil, "note": evil, "weights": {evil: 1.0}}), encoding="utf-8")
    write("base.toml", toy.BASE)
    run = run_in(eject(load("base.toml", "evil.toml"), train_with="bindings.experiment.train_file"))
    assert isinstance(run, toy.Run)
    assert run.note == evil
    assert run.weights == {evil: 1.0}
    assert not Path("evil").exists()


@pytest.mark.parametrize(
    "value", [1, -0.0, 1e22, True, "a'b", 'a"b', "a'\"b", "\u202e\n\\", (), (1,), (1, "x", (2.5,))]
)
def test_a_literal_is_what_it_says(value: object) -> None:
    assert repr(ast.literal_eval(literal(value))) == repr(value)
    assert literal(value).isprintable()


def test_every_config_of_the_project_ejects_to_clean_code_and_an_equal_run() -> None:
    profiles = [None, *sorted((CONFIGS / "profiles").glob("*.toml"))]
    for config in sorted(CONFIGS.glob("[0-9]*.toml")):
        for profile in profiles:
            files = [config] if profile is None else [config, profile]
            loaded = falsework.load(files, **bindings.SCHEMA)
            text = eject(loaded, train_with=TRAINER)
            assert run_in(text) == loaded.value
            write(f"{loaded.name}.py", text)
            assert to_plain(loaded.value) == loaded.tree
            assert from_plain(loaded.tree) == loaded.value
            assert dict(flat(loaded.tree)) == loaded.flat()
            assert fingerprint(loaded.tree) == loaded.fingerprint
    settings_file = str(CONFIGS.parent / "pyproject.toml")
    for words in (["format", "--check"], ["check", "--ignore", "N999,E501"]):
        command = [sys.executable, "-m", "ruff", words[0], "--no-cache", "--config", settings_file, *words[1:], "."]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_root_in_which_nothing_is_set_is_one_call() -> None:
    config = falsework.load([write("empty.toml", "")], root=toy.BitsPerByte, kinds={})
    assert run_in(eject(config, train_with=TRAINER)) == toy.BitsPerByte()
    note = attrs.field(type=cast("Any", str | None), default=None, metadata=toy.SCIENCE)
    optional = attrs.make_class("Optional", {"note": note})
    text = eject(falsework.load(["empty.toml"], root=optional, kinds={}), train_with=TRAINER)
    assert "\nrun = Optional()\n" in text
