"""New experiments: checked before they are written, never over another file, numbers never twice."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from falsework import Config, ConfigError
from falsework.child import Child, new_child
from tests.falsework.numbers import naming
from tests.falsework.toy import BASE, load, write


def load_files(files: Sequence[str]) -> Config:
    return load(*files)


def child_of(number: int, change: str, *settings: str, why: str = "to see") -> Child:
    return new_child("configs", number, change, settings, why=why, load=load_files, naming=naming())


@pytest.fixture(autouse=True)
def _root() -> None:
    write("configs/01_base.toml", BASE)


def files() -> list[str]:
    return sorted(file.name for file in Path("configs").iterdir())


def test_a_child_is_named_by_parent_change_and_next_number() -> None:
    child = child_of(1, "lr_001", "optimizer.lr=1e-3", why='"higher"?')
    assert child.file == Path("configs/01_lr_001_02.toml")
    assert child.file.read_text() == (
        'extends = "01_base.toml"\nschema = 1\nwhy = "\\"higher\\"?"\n\n[optimizer]\nlr = 0.001\n'
    )
    assert (child.parent.value.optimizer.lr, child.config.value.optimizer.lr) == (0.0003, 0.001)
    assert child_of(2, "seed_3", "train.seed=3").file.name == "02_seed_3_03.toml"
    assert files() == ["01_base.toml", "01_lr_001_02.toml", "02_seed_3_03.toml"]


def test_values_are_toml_and_words_need_no_quotes() -> None:
    settings = ("optimizer.kind=muon", "optimizer.lr=0.1", "note = two words", 'train.device="cpu"')
    text = child_of(1, "try_muon", *settings, "eval.x={kind='completions'}").file.read_text()
    assert text.endswith(
        'note = "two words"\n\n[optimizer]\nkind = "muon"\nlr = 0.1\n\n[train]\ndevice = "cpu"\n\n'
        '[eval.x]\nkind = "completions"\n'
    )
    assert "{ _unset = true }" in child_of(2, "no_x", "eval.x={ _unset = true }").file.read_text()
    assert "{ _ref =" in child_of(2, "tied", "train.seed={ _ref = 'train.num_steps' }").file.read_text()


@pytest.mark.parametrize(
    ("change", "settings", "told"),
    [
        ("a", ["optimizer.lrr=1"], "the new file:6:1: optimizer.lrr: unknown key for kind adamw"),
        ("a", ["optimizer.lr=fast"], 'optimizer.lr: expected a number, got the string "fast"'),
        ("a", ["optimizer.lr=-1", "model.num_layers=x"], "2 problems"),
        ("a", ["train.num_steps=1\ntrain.seed=2"], "expected a whole number, got the string"),
        ("a", ["optimizer.lr"], "optimizer.lr: expected KEY=VALUE"),
        ("a", ["=1"], "expected KEY=VALUE"),
        ("a", ["train.seed=1", "train.seed=2"], "train.seed: set twice"),
        ("a", ["train=1", "train.seed=2"], "train.seed: set twice, or both a table and a value"),
        ("lr_001", ["optimizer.lr=0.01"], "the name says lr_001, but optimizer.lr is 0.01"),
        ("a", ["optimizer.lr=0.0003"], "it changes nothing against its parent"),
        ("a b", ["optimizer.lr=1"], "'a b' is no name"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(change: str, settings: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        child_of(1, change, *settings)
    assert told in str(caught.value)
    assert files() == ["01_base.toml"]


def test_a_parent_is_one_file() -> None:
    with pytest.raises(ConfigError, match=r"configs: there is no experiment 07; the numbers here are 1 to 1"):
        child_of(7, "a", "train.seed=1")
    write("configs/01_other.toml", BASE)
    with pytest.raises(ConfigError, match=r"more than one: configs/01_base.toml, configs/01_other.toml"):
        child_of(1, "a", "train.seed=1")
    with pytest.raises(ConfigError, match="says why"):
        child_of(1, "a", "train.seed=1", why=" ")


def test_a_fourth_step_is_written_out_whole() -> None:
    for number in (1, 2, 3, 4):
        child_of(number, f"seed_{number}", f"train.seed={number}", why=str(number))
    third, fourth = (load(f"configs/{name}.toml") for name in ("03_seed_3_04", "04_seed_4_05"))
    assert third.files[-1].extends == ("02_seed_2_03.toml",)
    assert fourth.files[-1].extends == ()
    assert fourth.files[-1].text.startswith(
        "# Written out whole, as 3 steps of extends are enough: its parent is 03_seed_3_04.\n"
    )
    assert (fourth.why, fourth.value.train.seed, fourth.value.model.num_layers) == ("4", 4, 6)


def test_many_at_once_never_get_the_same_number() -> None:
    with ThreadPoolExecutor(8) as pool:
        children = list(pool.map(lambda seed: child_of(1, f"seed_{seed}", f"train.seed={seed}"), range(1, 25)))
    numbers = [int(child.file.stem.rsplit("_", 1)[1]) for child in children]
    assert len(set(numbers)) == 24
    assert [name for name in files() if name.startswith(".")] == []


def test_a_claim_that_was_left_behind_costs_a_number_and_no_more() -> None:
    write("configs/.claim_2", "")
    assert child_of(1, "seed_1", "train.seed=1").file.name == "01_seed_1_03.toml"


def test_a_folder_that_cannot_be_written_to_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = os.open

    def refuse_claims(path: str, *arguments: Any, **options: Any) -> int:
        if ".claim" in str(path):
            raise PermissionError(13, "Permission denied")  # whoever runs the tests may be allowed everything
        return real_open(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse_claims)
    with pytest.raises(ConfigError, match="configs: cannot be written to: Permission denied"):
        child_of(1, "seed_1", "train.seed=1")


def test_an_equals_sign_in_quotes_belongs_to_its_key_or_value() -> None:
    child = child_of(1, "mixture", 'weights."a=b" = 0.5', "weights.c = 0.25", 'note="x = y"')
    assert dict(child.config.value.weights) == {"a=b": 0.5, "c": 0.25}
    assert child.config.value.note == "x = y"
    for setting in ('weights."a=b"', "= 1", "weights.", 'weights."a=1', "weights c = 1", ""):
        with pytest.raises(ConfigError, match="expected KEY=VALUE"):
            child_of(1, "mixture", setting)
