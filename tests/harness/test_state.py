"""The state of a run follows from what it wrote, whatever the clock did."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.state import state_of

NOW = 1_790_000_000.0


def run_with(directory: Path, events: list[str], beats: list[float], *, period: float = 5.0) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "run.json").write_text("{}")
    os.utime(directory / "run.json", (NOW - 1000, NOW - 1000))
    rows: list[dict[str, Any]] = [{"event": event, "t": NOW - 900, "seg": 0} for event in events]
    (directory / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (directory / "system.jsonl").write_text("".join(json.dumps({"t": t, "period": period}) + "\n" for t in beats))
    return directory


@pytest.mark.parametrize(
    ("events", "beats", "state"),
    [
        (["started"], [NOW - 14], "running"),
        (["started"], [NOW - 16], "crashed"),
        (["started", "finished"], [NOW - 1], "finished"),
        (["started", "finished", "mirror"], [NOW - 1], "finished"),
        (["started", "preempted", "resumed"], [NOW - 1], "running"),
        (["started", "preempted", "resumed"], [NOW - 500], "crashed"),
        (["started", "failed"], [NOW - 1], "failed"),
        (["started", "stopped"], [NOW - 1], "preempted"),  # as the first runs called it
        (["started", "evaluated", "checkpoint", "alert"], [NOW - 1], "running"),
        ([], [NOW - 1], "running"),
        ([], [], "crashed"),
    ],
)
def test_the_last_event_decides_and_else_the_last_heartbeat(
    tmp_path: Path, events: list[str], beats: list[float], state: str
) -> None:
    assert state_of(run_with(tmp_path / "run", events, beats), now=NOW) == state


@pytest.mark.parametrize(
    ("beats", "state"),
    [
        ([NOW + 3600, NOW - 2], "running"),  # the clock was put back, and the run beats on
        ([NOW - 2, NOW + 3600], "crashed"),  # it died before the clock was put back
        ([NOW + 3600, NOW + 3605, NOW - 4000], "crashed"),
    ],
)
def test_a_clock_that_went_backwards_does_not_matter(tmp_path: Path, beats: list[float], state: str) -> None:
    assert state_of(run_with(tmp_path / "run", ["started"], beats), now=NOW) == state


def test_a_torn_last_line_does_not_matter(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", ["started"], [NOW - 1])
    for name in ("events.jsonl", "system.jsonl"):
        with (run / name).open("a") as file:
            file.write('{"event":"finis')
    assert state_of(run, now=NOW) == "running"


def test_a_directory_that_is_no_run_has_crashed(tmp_path: Path) -> None:
    assert state_of(tmp_path / "none") == "crashed"


def test_the_command_prints_the_state_and_of_no_run_what_to_name(tmp_path: Path) -> None:
    def told(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "harness.state", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert told(str(run_with(tmp_path / "run", ["started", "preempted"], [NOW]))).stdout == "preempted\n"
    (tmp_path / "killed before its record").mkdir()
    for given, said in (
        ([str(tmp_path / "killed before its record")], "no run has begun there"),
        ([], "no run is named"),
    ):
        done = told(*given)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith(
            f"{said}\n  help: python -m harness.state runs/22_lr_001_23-20260101T000000Z-9f3a\n"
        )


def test_a_live_process_is_running_and_a_killed_one_crashed_after_three_periods(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from harness import heartbeat; heartbeat.PERIOD_SECONDS = 0.2\n"
        "heartbeat.Heartbeat.__init__.__kwdefaults__['period_seconds'] = 0.2\n"
        "from harness.run_directory import open_run_directory\n"
        "run = open_run_directory(Path(sys.argv[1])); run.event('started', step=0); print('up', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        time.sleep(0.5)
        assert state_of(tmp_path) == "running"
        process.send_signal(signal.SIGKILL)
    time.sleep(1.0)
    assert state_of(tmp_path) == "crashed"
