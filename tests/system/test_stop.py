"""SIGTERM and SIGINT: the run saves, says so, and goes on later with the same bits."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

Run = Callable[..., Any]
StraightRuns = Callable[[int], Path]
State = Callable[[Path], dict[str, str]]
Rows = Callable[[Path], list[dict[str, Any]]]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("num_processes", "number"), [(1, signal.SIGINT), (2, signal.SIGTERM)])
def test_a_signal_saves_and_the_run_goes_on_with_the_bits_of_a_straight_one(
    workplace: Path,
    start: Run,
    run: Run,
    wait_for: Callable[..., Any],
    straight_runs: StraightRuns,
    last_state: State,
    read_rows: Rows,
    num_processes: int,
    number: signal.Signals,
) -> None:
    options = {"processes": num_processes if num_processes > 1 else 0}
    process = start(workplace, "tiny.toml", **options)
    wait_for(lambda: "step  3/40" in (workplace / "out.txt").read_text(), process)
    process.send_signal(number)
    code = process.wait(timeout=60)
    assert code == (1 if num_processes > 1 else 0), "accelerate's launcher ends with 1 for every signal"
    (path,) = (workplace / "runs").iterdir()
    stopped = read_rows(path / "events.jsonl")[-1]
    assert (stopped["event"], stopped["reason"]) == ("preempted", number.name)
    assert last_state(path)["checkpoint"] == f"step_{stopped['step']:08}"
    assert len(read_rows(path / "metrics.jsonl")) == stopped["step"] < 40
    said = (workplace / "out.txt").read_text().splitlines()
    many = "--multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0 " if num_processes > 1 else ""
    assert said[-1] == f"next: accelerate launch {many}train.py runs/{path.name}"
    assert said[-2] == f"stopped by {number.name} after step {stopped['step']}; saved"

    done = run(workplace, f"runs/{path.name}", **options)
    assert done.returncode == 0, done.stderr
    assert f"goes on after step {stopped['step']} " in done.stdout
    assert last_state(path) == last_state(straight_runs(num_processes))
    assert read_rows(path / "events.jsonl")[-1]["seg"] == 1
    assert [row["step"] for row in read_rows(path / "metrics.jsonl")] == list(range(1, 41)), "no step is done twice"


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_killed_worker_takes_the_other_with_it_and_the_run_goes_on_later(
    workplace: Path,
    start: Run,
    run: Run,
    wait_for: Callable[..., Any],
    straight_runs: StraightRuns,
    last_state: State,
    rank: str,
) -> None:
    process = start(workplace, "tiny.toml", processes=2)
    wait_for(lambda: "step  3/40" in (workplace / "out.txt").read_text(), process)
    workers = psutil.Process(process.pid).children(recursive=True)
    (victim,) = (worker for worker in workers if worker.environ().get("RANK") == rank)
    victim.kill()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == [], "the other worker is gone within 20 seconds"
    assert process.wait(timeout=20) == 1
    if rank == "1":  # once is enough
        (path,) = (workplace / "runs").iterdir()
        done = run(workplace, f"runs/{path.name}", processes=2)
        assert done.returncode == 0, done.stderr
        assert last_state(path) == last_state(straight_runs(2))


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux")
def test_sigterm_to_the_launcher_of_one_process_saves_and_leaves_no_orphan(
    workplace: Path, start: Run, wait_for: Callable[..., Any], accelerate: str, read_rows: Rows
) -> None:
    process = start(workplace, "tiny.toml", launcher=[accelerate, "launch", "--num_processes", "1"])
    wait_for(lambda: "step  3/40" in (workplace / "out.txt").read_text(), process)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == -signal.SIGTERM
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []
    (path,) = (workplace / "runs").iterdir()
    stopped = [row for row in read_rows(path / "events.jsonl") if row["event"] == "preempted"]
    assert [row["reason"] for row in stopped] == ["SIGTERM"]
    assert (path / "checkpoints" / f"step_{stopped[0]['step']:08}").is_dir()
