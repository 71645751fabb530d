"""Readers beside writers that tear their lines, runs that vanish, and many runs that start at once: no reader fails."""

import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.synthetic_runs import LIVE_EVERY, make_store, run_name
from harness import runs
from harness.rows import RowWriter
from harness.run_directory import create_run_directory
from tests.harness.runs.small_store import FINISHED, steps, write_run

SECONDS = float(os.environ.get("CHAOS_SECONDS", "4"))
SEED = int(os.environ.get("CHAOS_SEED", "1"))
NUM_RUNS = int(os.environ.get("CHAOS_RUNS", "1200"))  # more than are read without an index; `make chaos` takes 10,000
SPAWN = multiprocessing.get_context("spawn")
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def tear_lines(file: str, until: float, seed: int) -> None:
    """Appends rows in two writes each, so that a reader meets half a line most of the time."""
    random_numbers = random.Random(seed)
    with Path(file).open("ab", buffering=0) as out:
        step = 0
        while time.time() < until:
            step += 1
            line = b'{"step":%d,"t":%f,"seg":0,"train/loss":%f}\n' % (step, time.time(), 1 / step)
            cut = random_numbers.randrange(1, len(line))
            out.write(line[:cut])
            time.sleep(0.001)
            out.write(line[cut:])


def vanish(root: str, until: float, seed: int) -> None:
    """Makes runs and takes them away, by renaming or file by file."""
    random_numbers = random.Random(seed)
    number = 0
    while time.time() < until:
        number += 1
        path = write_run(Path(root), f"short{seed}_{number}", rows=steps(1.0), events=FINISHED, config={"lr": 1})
        time.sleep(random_numbers.random() * 0.02)
        if number % 2:
            path.rename(Path(root) / ".trash" / path.name)
        else:
            shutil.rmtree(path)


@pytest.mark.slow
@pytest.mark.parametrize("index", [False, True])
def test_a_reader_beside_four_writers_sees_more_and_more_and_never_fails(tmp_path: Path, index: bool) -> None:
    until = time.time() + SECONDS
    root = tmp_path / "runs"
    for number in range(4):
        write_run(root, f"live{number}", beat={"period": 3600.0}, config={"lr": number})
    (root / ".trash").mkdir()
    writers = [
        SPAWN.Process(target=tear_lines, args=(str(root / f"live{at}" / "metrics.jsonl"), until, SEED + at))
        for at in range(4)
    ]
    writers += [SPAWN.Process(target=vanish, args=(str(root), until, SEED + at)) for at in range(2)]
    for writer in writers:
        writer.start()
    counts = [0]
    sql = "SELECT count(*), count(*) FILTER (value IS NULL OR step IS NULL) FROM metrics WHERE run LIKE 'live%'"
    while time.time() < until or len(counts) < 4:
        (((num_rows, num_null),)) = runs.query(root, sql, index=index)[1]
        assert num_null == 0
        counts.append(num_rows)
        table = runs.table(root, ["lr"], ["train/loss"] if num_rows else [], index=index)
        assert set(table["torn_lines"]) <= {0, 1}
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 6
    assert counts == sorted(counts)
    lines = sum(file.read_bytes().count(b"\n") for file in root.glob("live*/metrics.jsonl"))
    assert runs.query(root, sql, index=index)[1] == [(lines, 0)]


def start_run(root: str, barrier: Any, seed: int) -> None:
    """What a run does at its start, as far as a reader sees it."""
    barrier.wait()
    path = create_run_directory(Path(root), "01_many")
    time.sleep(random.Random(seed).random() * 0.05)
    metrics = RowWriter(path / "metrics.jsonl")
    events = RowWriter(path / "events.jsonl")
    (path / "config.json").write_text(json.dumps({"seed": {"value": seed, "origin": None}}))
    (path / "run.json").write_text('{"experiment": "01_many"}')
    events.write({"event": "started", "t": time.time(), "seg": 0, "step": 0})
    metrics.write({"step": 1, "t": time.time(), "seg": 0, "train/loss": float(seed)})


@pytest.mark.slow
def test_32_runs_that_start_at_once_are_32_complete_runs(tmp_path: Path) -> None:
    barrier = SPAWN.Barrier(33)
    starters = [SPAWN.Process(target=start_run, args=(str(tmp_path / "runs"), barrier, seed)) for seed in range(32)]
    for starter in starters:
        starter.start()
    barrier.wait()
    (tmp_path / "runs").mkdir(exist_ok=True)
    counts = [len(runs.table(tmp_path / "runs")) for _ in range(3)]
    for starter in starters:
        starter.join()
    assert [starter.exitcode for starter in starters] == [0] * 32
    table = runs.table(tmp_path / "runs", ["seed"], ["train/loss"])
    assert counts == sorted(counts)
    assert table["run"].is_unique
    assert sorted(table["seed"]) == sorted(table["train/loss"]) == list(range(32))


def look(root: str, barrier: Any) -> None:
    """One of many who open the same runs for the first time."""
    barrier.wait()
    assert len(runs.table(root, ["optimizer.lr"], ["train/loss"], index=True)) == 60


@pytest.mark.slow
def test_many_who_make_the_index_at_once_all_read_the_same(tmp_path: Path) -> None:
    make_store(tmp_path / "runs", 60, 20)
    barrier = SPAWN.Barrier(8)
    readers = [SPAWN.Process(target=look, args=(str(tmp_path / "runs"), barrier)) for _ in range(8)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert [reader.exitcode for reader in readers] == [0] * 8


ASK = """
import resource, sys
from harness import runs
table = runs.table(sys.argv[1], ["*"], ["train/loss"], format="arrow", index=sys.argv[2] == "True")
count = runs.query(sys.argv[1], "SELECT count(*) FROM metrics", index=sys.argv[2] == "True")[1][0][0]
print(len(table), count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_runs_open_with_and_without_index_in_a_gigabyte(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    make_store(root, NUM_RUNS, 2)
    for index in (False, True, True):
        command = [sys.executable, "-c", ASK, str(root), str(index)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
        num_runs, num_values, megabytes = map(int, done.stdout.split())
        assert num_runs == NUM_RUNS
        num_closed = NUM_RUNS - len(range(0, NUM_RUNS, LIVE_EVERY))
        assert num_values == NUM_RUNS * 2 * 10 + num_closed  # and one of an eval for each that has closed
        assert megabytes < 1_000


def test_a_run_whose_files_go_while_it_is_read_is_left_out(tmp_path: Path) -> None:
    make_store(tmp_path / "runs", 6, 5)
    for name in ("config.json", "metrics.jsonl", "summary.json", "events.jsonl", "run.json"):
        (tmp_path / "runs" / run_name(3) / name).unlink()
        assert len(runs.table(tmp_path / "runs", ["seed"], ["train/loss"])) == (5 if name == "run.json" else 6)
