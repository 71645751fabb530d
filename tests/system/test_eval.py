"""tools/eval on a real run: again at once, after kill -9, on two processes, and with a scorer that has changed."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EVAL = Path(__file__).parents[2] / "tools" / "eval"
TIMEOUT_SECONDS = 280
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * TIMEOUT_SECONDS)]

LAYER = """
[eval.texts]
kind = "completions"
prompts = ["1", "2f", "a0 "]
samples_per_prompt = 60
num_bytes = 150
[eval.sums]
kind = "answers"
scorer = "exact_match"
data = "sums.jsonl"
prompt = "{prompt}"
num_bytes = 4
"""
TWO = ["launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--main_process_port", "0"]


@pytest.fixture(name="place")
def place_with_a_run(workplace: Path, straight_runs: Callable[[int], Path]) -> Path:
    """A workplace with a finished run in runs/one."""
    shutil.copytree(straight_runs(1), workplace / "runs" / "one")
    (workplace / "more.toml").write_text(LAYER)
    questions = [{"id": f"q{number}", "prompt": f"{number}+1=", "answer": str(number + 1)} for number in range(9)]
    (workplace / "sums.jsonl").write_text("".join(json.dumps(question) + "\n" for question in questions))
    return workplace


def start(place: Path, *arguments: str, launcher: tuple[str, ...] = (sys.executable,)) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*launcher, str(EVAL), "runs/one", *arguments],
        cwd=place,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def evaluated(place: Path, *arguments: str, **options: Any) -> str:
    process = start(place, *arguments, **options)
    out, error = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0, error
    return out


def folder_of(place: Path, name: str) -> Path:
    return place / "runs" / "one" / "evals" / name / "step_00000040"


def times(place: Path) -> dict[str, int]:
    files = (place / "runs" / "one" / "evals").rglob("step_*/samples.jsonl")
    return {str(path): path.stat().st_mtime_ns for path in files}


def test_an_eval_that_training_did_is_not_done_again(place: Path) -> None:
    before = times(place)
    assert "bits_per_byte" in evaluated(place)
    assert times(place) == before
    shown = json.loads(evaluated(place, "--format", "json"))
    interval = shown[0]["intervals"]["bits_per_byte"]
    assert interval["mean"] == pytest.approx(shown[0]["metrics"]["bits_per_byte"])
    assert times(place) == before


def test_a_killed_eval_goes_on_and_two_processes_give_the_same_rows(
    place: Path, kill: Callable[[Any], None], accelerate: str
) -> None:
    arguments = ("--add", "more.toml", "--eval", "texts", "--eval", "sums")
    process = start(place, *arguments)
    running = place / "runs" / "one" / "evals" / "texts" / ".running_step_00000040" / "samples.jsonl"
    until = time.monotonic() + TIMEOUT_SECONDS
    while not (running.exists() and running.stat().st_size):
        assert process.poll() is None, "ended too early"
        assert time.monotonic() < until
        time.sleep(0.002)
    kill(process)
    process.communicate(timeout=TIMEOUT_SECONDS)
    evaluated(place, *arguments)
    result = json.loads((folder_of(place, "texts") / "result.json").read_text())
    assert result["num_kept"] > 0
    assert result["num_rows"] == 180
    rows = {name: (folder_of(place, name) / "samples.jsonl").read_bytes() for name in ("texts", "sums")}
    for name in rows:
        shutil.rmtree(folder_of(place, name))
    evaluated(place, *arguments, launcher=(accelerate, *TWO))
    assert {name: (folder_of(place, name) / "samples.jsonl").read_bytes() for name in rows} == rows
    before = times(place)
    evaluated(place, *arguments)
    evaluated(place, *arguments, "--rescore")
    assert times(place) == before, "nothing changed, so nothing was done"


def test_what_is_not_there_is_refused_in_a_sentence(place: Path) -> None:
    (place / "wide.toml").write_text("[model]\nwidth = 32\n")
    for arguments, words in (
        (("--eval", "nothing"), "no eval 'nothing' in its config"),
        (("--checkpoint", "7"), "no checkpoint '7'"),
        (("--checkpoint", "best"), "does not say by what its checkpoints are best"),
        (("--add", "wide.toml"), "changes more than [eval]"),
    ):
        process = start(place, *arguments)
        _, error = process.communicate(timeout=TIMEOUT_SECONDS)
        assert process.returncode == 2, error
        assert words in error
        assert "Traceback" not in error
