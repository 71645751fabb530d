"""A run from the user's side: their own texts, the record it leaves, the screen, and running it again."""

import hashlib
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
StraightRuns = Callable[[int], Path]
State = Callable[[Path], dict[str, str]]
Rows = Callable[[Path], list[dict[str, Any]]]

pytestmark = pytest.mark.slow

OWN_TEXTS = """
extends = "../tiny.toml"
why = "my own words"
[data]
paths = ["letters/**/*.md", "notes.txt"]
held_out_fraction = 0.25
[train]
num_steps = 4
[eval.held_out]
max_bytes = 100000
"""


def test_a_users_own_folder_is_trained_on_and_recorded(workplace: Path, run: Run, read_rows: Rows) -> None:
    texts = {"letters/one.md": "Grüße! " * 40, "letters/2025/two.md": "abc\r\n" * 30, "notes.txt": "\0\1" * 50}
    for name, text in texts.items():
        (workplace / name).parent.mkdir(parents=True, exist_ok=True)
        (workplace / name).write_bytes(text.encode())
    (workplace / "letters" / "ignored.rst").write_text("no")
    (workplace / "mine").mkdir()
    (workplace / "mine" / "07_own_words_08.toml").write_text(OWN_TEXTS)
    secret = "s3cr3t-6f9619ff"
    done = run(workplace, "mine/07_own_words_08.toml", WANDB_API_KEY=secret, HF_TOKEN=secret)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (path,) = (workplace / "runs").iterdir()
    assert path.name.startswith("07_own_words_08-")

    record = json.loads((path / "run.json").read_text())
    sizes = [len(text.encode()) for text in texts.values()]
    assert (record["experiment"], record["why"]) == ("07_own_words_08", "my own words")
    assert record["data"]["num_files"] == 3
    assert record["data"]["num_held_out_bytes"] == pytest.approx(sum(sizes) / 4, abs=3)
    assert record["data"]["num_train_bytes"] == pytest.approx(sum(sizes) * 3 / 4 + 3, abs=3)  # and 3 separators
    assert (path / "layers" / "00_tiny.toml").read_bytes() == (workplace / "tiny.toml").read_bytes()
    assert (path / "layers" / "01_07_own_words_08.toml").read_text() == OWN_TEXTS
    resolved = tomllib.loads((path / "config.toml").read_text())
    assert resolved["data"]["held_out_fraction"] == 0.25
    assert resolved["optimizer"]["beta2"] == 0.95, "defaults are written out"
    config = json.loads((path / "config.json").read_text())
    assert config["data.held_out_fraction"] == {"value": 0.25, "origin": "mine/07_own_words_08.toml:6:21"}
    source = (path / "code" / "source" / "src" / "harness" / "loop.py").read_bytes()
    assert source == (Path(__file__).parents[2] / "src" / "harness" / "loop.py").read_bytes()
    kept = [file for file in path.rglob("*") if file.is_file()]
    assert [file.name for file in kept if secret.encode() in file.read_bytes()] == []

    rows = read_rows(path / "evals" / "held_out" / "step_00000004" / "samples.jsonl")
    assert sorted(row["id"] for row in rows) == sorted(texts)
    assert sum(row["num_bytes"] for row in rows) == record["data"]["num_held_out_bytes"]


def test_what_stands_on_the_screen_is_plain_and_ends_with_the_next_step(
    straight_runs: StraightRuns, read_rows: Rows
) -> None:
    path = straight_runs(1)
    said = (path / "log.txt").read_text()
    printed = (path.parents[1] / "out.txt").read_text()
    assert printed == said
    lines = said.splitlines()
    assert all(character.isprintable() for line in lines for character in line)
    assert lines[0].startswith("1 process on cpu with 1 thread, fp32; batch of 8 = 4 x 2 per process; ")
    assert lines[1] == f"run runs/{path.name}  (is it exact?)"
    assert [line.split()[1] for line in lines if line.startswith("step ")] == [
        f"{step}/40" for step in (*range(3, 40, 3), 40)
    ]
    assert lines[-1].startswith("next: ")
    events = [row["event"] for row in read_rows(path / "events.jsonl")]
    assert (events[0], *events[-2:]) == ("started", "checkpoint", "finished")
    assert sorted(events[1:-2]) == [*["checkpoint"] * 4, "evaluated"], "a save may still be under way at the eval"


def test_the_resolved_config_of_a_run_gives_the_same_bits_again(
    workplace: Path, run: Run, straight_runs: StraightRuns, last_state: State
) -> None:
    config = straight_runs(1) / "config.toml"
    done = run(workplace, str(config))
    assert done.returncode == 0, done.stderr
    (path,) = (workplace / "runs").iterdir()
    assert last_state(path) == last_state(straight_runs(1))
    digests = {hashlib.sha256(file.read_bytes()).hexdigest() for file in (config, path / "config.toml")}
    assert len(digests) == 1


def test_a_finished_run_started_again_says_so_and_changes_no_weight(
    workplace: Path, run: Run, last_state: State
) -> None:
    (workplace / "short.toml").write_text("[train]\nnum_steps = 3\n")
    assert run(workplace, "tiny.toml", "short.toml").returncode == 0
    (path,) = (workplace / "runs").iterdir()
    assert path.name.startswith("tiny+short-")
    before = last_state(path)
    done = run(workplace, str(path))
    assert done.returncode == 0, done.stderr
    assert "goes on after step 3" in done.stdout
    assert last_state(path) == before
