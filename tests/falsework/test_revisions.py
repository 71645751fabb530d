"""Configs of other git revisions, against a real repository."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from falsework import Config, ConfigError
from falsework.diff import differences, report
from falsework.revisions import load_argument
from tests.falsework.toy import BASE, load, write


def git(*arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def load_files(files: Sequence[str]) -> Config:
    return load(*files)


@pytest.fixture(autouse=True)
def _repository() -> None:
    """Two commits and uncommitted work: seed 1, 2 and 3 in the base, one child that never changes."""
    git("init")
    for seed in (1, 2, 3):
        write("configs/base.toml", BASE.replace("num_steps = 100", f"num_steps = 100\n    seed = {seed}"))
        write("configs/child.toml", 'extends = "base.toml"\noptimizer.lr = 0.5')
        if seed < 3:
            git("add", ".")
            git("commit", "-m", "x")


@pytest.mark.parametrize(("revision", "seed"), [("HEAD~1:", 1), ("HEAD:", 2), ("main:", 2), ("", 3)])
def test_a_file_and_what_it_extends_come_from_the_revision(revision: str, seed: int) -> None:
    config = load_argument(f"{revision}configs/child.toml", load_files)
    assert config.value.train.seed == seed
    assert config.origins()["train.seed"] == f"{revision}configs/base.toml:4:8"
    assert config.name == f"{revision}child"


def test_layers_are_read_from_where_they_are_named() -> None:
    write("layer.toml", "train.num_steps = 7")
    config = load_argument("HEAD:configs/child.toml+layer.toml", load_files)
    assert (config.value.train.seed, config.value.train.num_steps) == (2, 7)
    assert config.origins()["train.num_steps"] == "layer.toml:1:19"


def test_the_same_file_in_two_revisions_is_compared_with_both_places() -> None:
    old, new = (load_argument(f"{revision}:configs/child.toml", load_files) for revision in ("HEAD~1", "HEAD"))
    assert [row.path for row in differences(old, new)] == [("train", "seed")]
    line = report(old, new, "text").splitlines()[0]
    assert line == "train.seed  1 -> 2  HEAD~1:configs/base.toml:4:8 -> HEAD:configs/base.toml:4:8"


def test_a_path_may_begin_where_one_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("configs")
    assert load_argument("HEAD~1:./child.toml", load_files).value.train.seed == 1
    assert load_argument("HEAD~1:configs/child.toml", load_files).value.train.seed == 1


def test_a_file_that_exists_goes_before_a_revision() -> None:
    write("HEAD:x.toml", BASE)
    assert load_argument("HEAD:x.toml", load_files).files[0].name == "HEAD:x.toml"


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("HEAD:configs/gone.toml", "HEAD:configs/gone.toml: no such file"),
        ("HEAD:configs/chld.toml", "did you mean HEAD:configs/child.toml?"),
        ("HEAD~9:configs/child.toml", "HEAD~9: no such revision"),
        ("--output=x:configs/child.toml", "--output=x: no such revision"),
    ],
)
def test_what_git_does_not_have_is_one_error_in_the_users_words(argument: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_argument(argument, load_files)
    assert told in str(caught.value)
    assert not Path("x").exists()


def test_mistakes_of_the_past_are_located_there() -> None:
    write("configs/child.toml", 'extends = "base.toml"\noptimizer.lrr = 0.5')
    git("commit", "-am", "x")
    write("configs/child.toml", 'extends = "base.toml"')
    with pytest.raises(ConfigError) as caught:
        load_argument("HEAD:configs/child.toml", load_files)
    assert str(caught.value).startswith("HEAD:configs/child.toml:2:11: optimizer.lrr: unknown key")


def test_outside_of_a_repository_git_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.chdir(tmp_path / "outside")
    with pytest.raises(ConfigError, match="HEAD"):
        load_argument("HEAD:a.toml", load_files)
