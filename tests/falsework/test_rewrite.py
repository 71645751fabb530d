"""Old files are rewritten where they lie: what need not change stays to the byte, and the meaning stays whole."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import booleans, fixed_dictionaries, lists, sampled_from

from falsework import ConfigError
from falsework.rewrite import Rewritten, rewrite, told, write
from tests.falsework import toy
from tests.falsework.versions import OLD, OPTIONS, load

NEW = """\
schema = 3
why = "old"  # as it was
# where they are

[train]
# how long
num_steps = 100  # enough
# no longer
device = "cuda"
seed = 7
num_threads = 2

  [optimizer]
  kind = "adamw"
  lr = 3e-4
  weight_decay = 0.01

[model]
kind = "gpt"
num_layers = { _ref = "train.num_steps" }
max_positions = { _expr = "train.num_steps * 2 + 1" }

[eval.bits]
kind = "bits_per_byte"
max_bytes = 5

[log]
file = "seeds.txt"
every_steps = 10

[data]
kind = "python_source"
seq_len = 64
"""


def upgraded(name: str) -> Rewritten:
    rewritten = rewrite(name, **OPTIONS)
    write(rewritten)
    return rewritten


def old_file(text: str = OLD, name: str = "old.toml") -> str:
    Path(name).write_bytes(text.encode())
    return name


def test_a_file_is_rewritten_by_spans() -> None:
    upgraded(old_file())
    assert Path("old.toml").read_text() == NEW


def test_it_means_the_same_before_and_after_and_is_current_then() -> None:
    before = load(old_file())
    upgraded("old.toml")
    after = load("old.toml")
    assert (after.value, after.fingerprint, after.upgrades) == (before.value, before.fingerprint, ())
    again = rewrite("old.toml", **OPTIONS)
    assert (again.before, again.said) == (again.after, ())


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks_stay(ending: str, mark: str) -> None:
    upgraded(old_file(mark + OLD.replace("\n", ending)))
    assert Path("old.toml").read_bytes().decode() == mark + NEW.replace("\n", ending)


def test_inline_tables_dotted_keys_and_quotes_are_edited_where_they_are() -> None:
    text = """\
schema = 1
trainer = { steps = 3, legacy = false , device = "gpu" } # x
"optimizer" . "kind" = "adam"
optimizer.lr = 1.0
model = { kind = "gpt", num_layers = 2, unused = 3 }
"""
    before = load(old_file(text))
    upgraded("old.toml")
    lines = Path("old.toml").read_text().splitlines()
    assert lines[:6] == [
        "schema = 3",
        'train = { num_steps = 3, device = "cuda", seed = 7, num_threads = 2 } # x',
        '"optimizer" . "kind" = "adamw"',
        "optimizer.lr = 1.0",
        "optimizer.weight_decay = 0.01",
        'model = { kind = "gpt", num_layers = 2 }',
    ]
    assert load("old.toml").value == before.value


def test_a_child_and_its_base_can_be_upgraded_in_any_order() -> None:
    child = 'schema = 1\nextends = "old.toml"\n[optimizer._when.adam]\nlr = 1\n[eval.bits]\nbytes = 9\n'
    for order in (("old.toml", "child.toml"), ("child.toml", "old.toml"), ("child.toml",), ("old.toml",)):
        before = load(old_file(), old_file(child, "child.toml")), load("child.toml")
        for name in order:
            upgraded(name)
            after = load("child.toml")
            assert after.value == before[1].value
        if "child.toml" in order:
            assert Path("child.toml").read_text() == child.replace("= 1\ne", "= 3\ne").replace("adam", "adamw").replace(
                "bytes", "max_bytes"
            )


def test_a_profile_gets_no_defaults_written_into_it_and_says_so() -> None:
    profile = "schema = 1\n[trainer]\nsteps = 6 # few\n"
    rewritten = upgraded(old_file(profile, "profile.toml"))
    assert Path("profile.toml").read_text() == "schema = 3\n[train]\nnum_steps = 6 # few\n"
    kept = "schema 2: train.seed stays 7, the default of schema 1"
    assert f"profile.toml: not written, as it is no whole experiment: {kept}" in told(rewritten)


def test_a_default_that_is_written_out_is_said_with_its_file() -> None:
    old_file()
    lines = told(upgraded("old.toml"))
    assert "old.toml: schema 2: train.seed stays 7, the default of schema 1" in lines
    assert all(line.startswith("old.toml:") for line in lines)


def test_a_file_without_a_schema_and_a_current_one_are_left_alone() -> None:
    for head in ("", "schema = 3\n"):
        rewritten = upgraded(old_file(head + toy.BASE, "new.toml"))
        assert rewritten.before == rewritten.after


def test_mistakes_stop_it_and_nothing_is_written() -> None:
    for text in (OLD.replace("legacy = false", "legacy = true"), OLD.replace("lr = 3e-4", "lrr = 3e-4"), "schema = "):
        old_file(text)
        with pytest.raises(ConfigError):
            upgraded("old.toml")
        assert Path("old.toml").read_text() == text
    assert list(Path().iterdir()) == [Path("old.toml")]


def test_what_spans_cannot_say_is_left_to_a_person() -> None:
    old_file(OLD.replace('seed_file = "seeds.txt"  # where they are', 'seed_file = "seeds.txt"\nlog = {}'))
    with pytest.raises(ConfigError, match=r"(?s)cannot be rewritten for schema 3 by itself.*log\.file = \"seeds.txt\""):
        upgraded("old.toml")


def test_links_permissions_and_other_bytes_stay() -> None:
    Path("real").mkdir()
    old_file(name="real/old.toml")
    Path("real/old.toml").chmod(0o640)
    Path("old.toml").symlink_to("real/old.toml")
    upgraded("old.toml")
    assert Path("old.toml").is_symlink()
    assert Path("real/old.toml").stat().st_mode & 0o777 == 0o640
    assert Path("real/old.toml").read_text() == NEW


COMMENT = sampled_from(["", "  # a comment", "\t#"])
TRAINER = ["legacy = false", "device = 'gpu'", 'device = "cpu"', "seed = 5", "shuffle = false"]
MODEL = [
    "num_layers = 2",
    "num_layers = 2\nunused = 'x'",
    "num_layers = 2\nmax_positions = { _expr = '4 + trainer.steps' }",
]
REST = [
    "[eval.a]\nkind = 'bits_per_byte'\nbytes = 3",
    "[log]\nevery_steps = 3",
    "[weights]\nweb = 1.5",
    "[data]\nkind = 'python_source'",
]
FILES = fixed_dictionaries({
    "steps": sampled_from(["steps = 3", '"steps" = 0x10', "steps = { _ref = 'model.num_layers' }"]),
    "trainer": lists(sampled_from(TRAINER), unique_by=lambda line: line.split()[0]),
    "optimizer": sampled_from(["kind = 'adam'\nlr = 1", "kind = 'muon'\nlr = 1\nmom = 0.5", "kind = 'muon'\nlr = 1"]),
    "model": sampled_from(MODEL),
    "rest": lists(sampled_from(REST), unique=True),
    "seed_file": booleans(),
    "version_2": booleans(),
    "crlf": booleans(),
})  # fmt: skip


def spelled(parts: Mapping[str, Any], comments: list[str]) -> str:
    """A file of schema 1 with these parts, a comment behind some lines."""
    blocks = [
        "schema = 1" + ("\nseed_file = 'x'" if parts["seed_file"] else ""),
        "\n".join(["[trainer]", parts["steps"], *parts["trainer"]]),
        f"[optimizer]\n{parts['optimizer']}",
        f"[model]\nkind = 'gpt'\n{parts['model']}",
        *parts["rest"],
    ]
    lines = "\n\n".join(blocks).split("\n")
    commented = [line + comments[number % len(comments)] for number, line in enumerate(lines)]
    return ("\r\n" if parts["crlf"] else "\n").join(commented)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILES, lists(COMMENT, min_size=1))
def test_any_file_means_the_same_keeps_its_comments_and_is_done_after_one_time(
    parts: dict[str, Any], comments: list[str]
) -> None:
    text = spelled(parts, comments)
    before = load(old_file(text))
    upgraded("old.toml")
    after = load("old.toml")
    assert (after.value, after.fingerprint, after.upgrades) == (before.value, before.fingerprint, ())
    new = Path("old.toml").read_bytes().decode()
    assert new.count("#") == text.count("#")
    assert new.count("a comment") == text.count("a comment")
    same = set(text.splitlines()) & set(new.splitlines())
    assert {line for line in text.splitlines() if line.startswith(("lr", "num_layers = 2", "kind = 'gpt'"))} <= same
    assert upgraded("old.toml").said == ()
    assert Path("old.toml").read_bytes().decode() == new
    assert tomllib.loads(new.replace("\r\n", "\n"))["schema"] == 3
