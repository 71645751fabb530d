"""SIGTERM and SIGINT: the run saves, says so, and goes on later with the same bits."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
StraightRuns = Callable[[int], Path]
State = Callable[[Path], dict[str, str]]
Rows = Callable[[Path], list[dict[str, Any]]]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("num_processes", "number"), [(1, signal.SIGTERM), (1, signal.SIGINT), (2, signal.SIGTERM)]
)
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
    assert (stopped["event"], stopped["reason"]) == ("stopped", number.name)
    assert last_state(path)["checkpoint"] == f"step_{stopped['step']:08}"
    assert len(read_rows(path / "metrics.jsonl")) == stopped["step"] < 40
    said = (workplace / "out.txt").read_text().splitlines()
    assert said[-1] == f"next: accelerate launch train.py runs/{path.name}"
    assert said[-2] == f"stopped by {number.name} after step {stopped['step']}; saved"

    done = run(workplace, f"runs/{path.name}", **options)
    assert done.returncode == 0, done.stderr
    assert f"goes on after step {stopped['step']} " in done.stdout
    assert last_state(path) == last_state(straight_runs(num_processes))
    assert [row["event"] for row in read_rows(path / "events.jsonl") if row["seg"] == 1][0] == "resumed"
    assert [row["step"] for row in read_rows(path / "metrics.jsonl")] == list(range(40)), "no step is done twice"


def test_an_error_on_one_of_two_processes_ends_both_and_names_the_rank(workplace: Path, start: Run, run: Run) -> None:
    """Rank 1 alone cannot read the corpus, so only it fails; nobody may wait for it until the time-out."""
    del start
    program = (
        "import os, runpy, sys\n"
        "if os.environ['RANK'] == '1': os.chdir('/')\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    (workplace / "astray.py").write_text(program)
    (workplace / "corpus_by_name.toml").write_text(f'[log]\nruns_dir = "{workplace}/runs"\n')
    del run
