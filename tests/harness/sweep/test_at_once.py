"""Points as real processes of a small stand-in for train.py: at once, skipped, failing, stopped, on their share."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from harness.launch import Refused
from harness.sweep.at_once import alone, run_points
from harness.sweep.standing import Point, standings

# Makes a run of `SCIENCE,SECONDS,END` as train.py would, or goes on with one; writes down when it ran, and on what.
TRAINER = """
import json, os, pathlib, signal, sys, time
word = sys.argv[1]
path = pathlib.Path(word)
if not path.is_dir():
    path = pathlib.Path("runs") / f"{word}-20260101T000000Z-{os.getpid()}"
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps({"fingerprints": {"science": word, "speed": "s"}}))
    (path / "events.jsonl").write_text('{"event": "started"}\\n')
_, seconds, end = path.name.split("-")[0].split(",")
def write(event):
    with (path / "events.jsonl").open("a") as file:
        file.write(json.dumps({"event": event}) + "\\n")
def stop(number, frame):
    write("preempted")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
with open("when.txt", "a") as file:
    file.write(f"{time.time()} + {sorted(os.sched_getaffinity(0))} {os.environ.get('CUDA_VISIBLE_DEVICES')}\\n")
time.sleep(float(seconds))
with open("when.txt", "a") as file:
    file.write(f"{time.time()} -\\n")
if end == "fails":
    print("all is lost\\x1b[31m", file=sys.stderr)
    write("failed")
    sys.exit(3)
if end == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
write("finished")
"""


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trainer.py").write_text(TRAINER)


def point(word: str) -> Point:
    return Point(experiment=word, argument=word, values={}, config={}, fingerprint=(word, "s"))


def trained(*words: str, at_once: int = 2) -> tuple[list[str], dict[str, str], str]:
    said: list[str] = []
    failed, stopped = run_points(
        [point(word) for word in words],
        Path("runs"),
        at_once=at_once,
        train=[sys.executable, "trainer.py"],
        say=said.append,
        status=lambda _line: None,
    )
    return said, {print_[0]: how for print_, how in failed.items()}, stopped


def most_at_once() -> int:
    signs = [line.split()[1] for line in sorted(Path("when.txt").read_text().splitlines())]
    return max(signs[: end + 1].count("+") - signs[: end + 1].count("-") for end in range(len(signs)))


def test_so_many_at_once_and_what_is_finished_is_not_done_again() -> None:
    words = [f"{number},0.2,ends" for number in range(4)]
    said, failed, stopped = trained(*words)
    assert (failed, stopped) == ({}, "")
    assert most_at_once() == 2
    assert said[0] == "4 of 4 points to train, 2 at once; Ctrl-C stops and saves"
    assert any(line.endswith(" left") for line in said), "what takes no second has no time to tell"
    said, _, _ = trained(*words, "new,0,ends")
    assert [line for line in said if "starts" in line or "goes on" in line] == ["new,0,ends starts"]


def test_the_time_left_is_that_of_points_before(tmp_path: Path) -> None:
    trained("a,0,ends")
    (run,) = (tmp_path / "runs").iterdir()
    (run / "summary.json").write_text('{"metrics": {}, "wall_seconds": 7200.0}')
    said, _, _ = trained("a,0,ends", "b,0,ends", "c,0,ends", "d,0,ends", at_once=1)
    left = [line for line in said if " left" in line]
    assert left[0].startswith("2 left; about 2.0 h more, until "), "two more at the mean of 7,200 s and nearly none"


def test_a_point_that_fails_stops_no_other_and_is_tried_once_a_call() -> None:
    said, failed, _ = trained("a,0,fails", "b,0,dies", "c,0,ends", at_once=1)
    assert failed["a,0,fails"].startswith("failed with exit code 3 (runs/a,0,fails-")
    assert failed["b,0,dies"].startswith("ended by signal 9")
    assert any(line.endswith("it said last:\n  all is lost\\x1b[31m") for line in said), said
    assert sum("a,0,fails" in line and line.endswith("starts") for line in said) == 1
    states = {each.point.experiment: each.state for each in standings([point("c,0,ends")], Path("runs"), {})}
    assert states == {"c,0,ends": "finished"}
    said, failed, _ = trained("a,0,fails")
    assert any(line.startswith("a,0,fails goes on: runs/a,0,fails-") for line in said)
    assert list(failed) == ["a,0,fails"]


def test_the_same_experiment_twice_is_trained_once() -> None:
    said, _, _ = trained("a,0.1,ends", "a,0.1,ends")
    assert sum(line.endswith("starts") for line in said) == 1


def test_a_signal_lets_all_save_and_the_same_call_goes_on() -> None:
    def interrupt() -> None:
        while not Path("when.txt").exists() or Path("when.txt").read_text().count("+") < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    said, failed, stopped = trained("a,30,ends", "b,30,ends", "c,30,ends")
    thread.join()
    assert (failed, stopped) == ({}, "SIGINT")
    assert sum("stopped, and saved" in line for line in said) == 2
    for run in Path("runs").iterdir():
        run.rename(str(run).replace(",30,", ",0,"))  # so that they need not sleep so long again
    points = [point("a,30,ends"), point("b,30,ends")]
    assert {each.state for each in standings(points, Path("runs"), {})} == {"preempted"}
    said, _, _ = trained("a,30,ends", "b,30,ends")
    assert sum("goes on: runs/" in line for line in said) == 2
    assert {each.state for each in standings(points, Path("runs"), {})} == {"finished"}


def test_when_nobody_reads_on_all_save_before_it_ends() -> None:
    def say(line: str) -> None:
        while line.startswith("b") and not (Path("when.txt").exists() and Path("when.txt").read_text().count("+") == 2):
            time.sleep(0.01)
        if line.startswith("b"):
            raise BrokenPipeError

    points = [point("a,30,ends"), point("b,30,ends")]
    train = [sys.executable, "trainer.py"]
    with pytest.raises(BrokenPipeError):
        run_points(points, Path("runs"), at_once=2, train=train, say=say, status=lambda _line: None)
    assert {each.state for each in standings(points, Path("runs"), {})} == {"preempted"}


def test_each_process_has_its_share_of_cores_and_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    before = os.sched_getaffinity(0)
    trained("a,0.5,ends", "b,0.5,ends")
    began = [line.partition("+ ")[2] for line in Path("when.txt").read_text().splitlines() if "+" in line]
    cores = sorted(before)
    shares = [cores[0::2], cores[1 % len(cores) :: 2]]
    assert sorted(began) == sorted([f"{shares[0]} 4", f"{shares[1]} 7"])
    assert os.sched_getaffinity(0) == before
    Path("when.txt").unlink()
    trained("c,0,ends", at_once=1)
    assert Path("when.txt").read_text().splitlines()[0].endswith(f"{cores} 4,7"), "alone, it has them all"


def test_a_second_call_for_the_same_file_is_refused() -> None:
    with (
        alone(Path("trainer.py")),
        pytest.raises(Refused, match="being trained by another process"),
        alone(Path("trainer.py")),
    ):
        pass
    with alone(Path("trainer.py")):
        pass
