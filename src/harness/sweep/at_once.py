"""Trains the points of a sweep on this machine, so many processes at once, until each is finished or has failed.

Nothing here knows what went before but the runs themselves, so a kill at any moment loses nothing: the same call skips
what is finished and goes on with what is not. It waits for points that other processes train, and takes them over when
those die. A point that fails is tried once and stops no other.
"""

import fcntl
import glob
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from harness.analysis.numbers import duration
from harness.comparison.address import visible
from harness.launch import Refused
from harness.stop import StopFlag, stop_on_signal
from harness.sweep.standing import RUNNING, Fingerprint, Point, Standing, standings, summary_of

LOOK_SECONDS = 5.0  # between two looks at the runs of other processes
PAUSE_SECONDS = 0.1
SHOWN_LINES = 8  # of what a point said last that failed
MAX_SAID_BYTES = 4_000

Say = Callable[[str], None]


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Of two calls for one sweep on one file system the second is refused: both would begin the same points."""
    with file.open("rb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            mend = "stop that one with Ctrl-C (its runs save), or wait"
            raise Refused(f"{file}: its points are being trained by another process\n  help: {mend}") from None
        except OSError:  # a file system without locks
            pass
        yield


@dataclass(frozen=True, kw_only=True)
class _Ours:
    """A point that this process trains."""

    began: Standing
    process: "subprocess.Popen[bytes]"
    output: IO[bytes]
    slot: int
    since: float


@dataclass(kw_only=True)
class _Going:
    """What lives from one look to the next."""

    points: Sequence[Point]
    runs_dir: Path
    at_once: int
    train: Sequence[str]
    say: Say
    known: dict[Path, Fingerprint] = field(default_factory=dict)
    ours: list[_Ours] = field(default_factory=list)
    tried: dict[Fingerprint, str] = field(default_factory=dict)  # what ended otherwise than finished, and how
    seconds: list[float] = field(default_factory=list)  # that points took from their start to their end


def run_points(
    points: Sequence[Point], runs_dir: Path, *, at_once: int, train: Sequence[str], say: Say, status: Say
) -> tuple[dict[Fingerprint, str], str]:
    """Trains what is not finished by `train` and the point's argument.

    Returns which points failed and how, and the name of the signal that stopped it, if one did: then every process has
    saved. `say` takes lines that stay, `status` one that the next replaces.
    """
    going = _Going(points=points, runs_dir=runs_dir, at_once=at_once, train=train, say=say)
    is_told = False
    finished = [each.run for each in standings(points, runs_dir, going.known) if each.run and not each.is_open]
    going.seconds += [summary_of(run).get("wall_seconds", 0.0) for run in finished]
    say(f"{len(_left(going))} of {len(points)} points to train, {at_once} at once; Ctrl-C stops and saves")
    with stop_on_signal(speaks=True) as stop, _none_left_alone(going):
        while True:
            left = _left(going)
            if not stop:
                _start_more(going, left)
            elif not is_told:
                is_told = True
                for one in going.ours:
                    one.process.terminate()
            if not going.ours and (stop or not left):
                return going.tried, stop.signal_name
            status(_outlook(going, left))
            _wait(going, stop if not is_told else None)
            ended = [one for one in going.ours if one.process.poll() is not None]
            for one in ended:
                with one.output:
                    _ended(going, one, is_stopping=bool(stop))
            if ended and not stop and (left := _left(going)):
                say(_outlook(going, left))


@contextmanager
def _none_left_alone(going: _Going) -> Iterator[None]:
    """When we cannot go on, as on a closed pipe or a full disk, the processes of ours save before we end."""
    try:
        yield
    finally:
        for one in going.ours:
            one.process.terminate()
        for one in going.ours:
            with one.output:
                one.process.wait()


def _left(going: _Going) -> list[Standing]:
    """What is to be brought to its end, each experiment once."""
    left: dict[Fingerprint, Standing] = {}
    for each in standings(going.points, going.runs_dir, going.known):
        if each.is_open and each.point.fingerprint not in going.tried:
            left.setdefault(each.point.fingerprint, each)
    return list(left.values())


def _outlook(going: _Going, left: Sequence[Standing]) -> str:
    """How many are left, and when the last one ends if each takes as long as those before it."""
    num_elsewhere = sum(each.state == RUNNING for each in left) - len(going.ours)
    words = [f"{len(left)} left", *([f"{num_elsewhere} running elsewhere"] if num_elsewhere > 0 else [])]
    if going.seconds:
        done = sum(time.monotonic() - one.since for one in going.ours)
        seconds = max(0.0, statistics.fmean(going.seconds) * len(left) - done) / going.at_once
        until = time.strftime("%a %H:%M", time.localtime(time.time() + seconds))
        words += [f"about {duration(seconds)} more, until {until}"] if seconds >= 1 else []
    return "; ".join(words)


def _start_more(going: _Going, left: Sequence[Standing]) -> None:
    busy = {one.began.point.fingerprint for one in going.ours}
    ready = [each for each in left if each.state != RUNNING and each.point.fingerprint not in busy]
    for each in ready[: going.at_once - len(going.ours)]:
        slot = min(set(range(going.at_once)) - {one.slot for one in going.ours})
        output = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        process = _process([*going.train, each.argument], slot, going.at_once, output)
        going.ours.append(_Ours(began=each, process=process, output=output, slot=slot, since=time.monotonic()))
        going.say(f"{each.point.experiment} {f'goes on: {each.run}' if each.run else 'starts'}")


def _process(command: list[str], slot: int, at_once: int, output: IO[bytes]) -> "subprocess.Popen[bytes]":
    """A process with its share of the cores that this one may use, and one GPU of those that it sees."""
    environment = dict(os.environ)
    if at_once > 1 and (gpus := _gpus()):
        environment["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    try:
        if cores:
            os.sched_setaffinity(0, cores[slot % len(cores) :: at_once])  # which the new process has from us
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    finally:
        if cores:
            os.sched_setaffinity(0, cores)


def _gpus() -> list[str]:
    """What this process may use of NVIDIA's, by the names that CUDA_VISIBLE_DEVICES takes."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return [str(number) for number, _ in enumerate(glob.glob("/dev/nvidia[0-9]*"))]  # noqa: PTH207 - no folder
    return [name for name in listed.split(",") if name]


def _wait(going: _Going, stop: StopFlag | None) -> None:
    """Until a process of ours ends, or somebody wants a stop, or it is time to look again."""
    until = time.monotonic() + LOOK_SECONDS
    while time.monotonic() < until and not stop and all(one.process.poll() is None for one in going.ours):
        time.sleep(PAUSE_SECONDS)


def _ended(going: _Going, one: _Ours, *, is_stopping: bool) -> None:
    """What came of it, said and kept."""
    going.ours.remove(one)
    seconds, point = time.monotonic() - one.since, one.began.point
    (now,) = standings([point], going.runs_dir, going.known)
    where = f" ({now.run})" if now.run else ""
    if now.run and not now.is_open:
        going.say(f"{point.experiment} finished after {duration(seconds)}{where}")
        going.seconds.append(max(seconds, summary_of(now.run).get("wall_seconds", 0.0)))  # it may have gone on
        return
    code, lines = one.process.returncode, []
    if is_stopping or now.state == "preempted":
        how = f"stopped, and saved{where}" if now.run else "stopped before its first step"
    else:
        how = f"{f'ended by signal {-code}' if code < 0 else f'failed with exit code {code}'}{where}"
        lines = _last_lines(one.output)
    going.say("\n  ".join([f"{point.experiment} {how}{'; it said last:' if lines else ''}", *lines]))
    if not is_stopping:
        going.tried[point.fingerprint] = how


def _last_lines(output: IO[bytes]) -> list[str]:
    output.seek(max(0, output.seek(0, os.SEEK_END) - MAX_SAID_BYTES))
    return [visible(line) for line in output.read().decode(errors="replace").split("\n") if line.strip()][-SHOWN_LINES:]
