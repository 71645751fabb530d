"""Commands measured side by side: wall time of whole processes, in turn, round by round, so that drift hits all alike.

It refuses to compare across calls: a ratio is always of two times of the same round.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from attrs import asdict, frozen

ROOT = Path(__file__).parents[1]
TIMEOUT_SECONDS = 300  # a session that takes longer is killed
HEADER = "median     min     max"


@frozen(kw_only=True)
class Case:
    """One command, run in a folder, and the exit code that says it did its work."""

    name: str
    command: Sequence[str | Path]
    folder: Path = ROOT
    exit_code: int = 0


@frozen(kw_only=True)
class Goal:
    """The names of two cases, and how much of the peer's time ours may take."""

    ours: str
    peer: str
    at_most: float


@frozen(kw_only=True)
class Result:
    """One run of a case."""

    seconds: float
    exit_code: int
    ended_well: bool
    output: str


@frozen(kw_only=True)
class Spread:
    """What is quoted of several numbers."""

    median: float
    min: float
    max: float


def parse_rounds(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Adds the arguments that every benchmark takes, and parses."""
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds after one that warms up (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write every single time")
    return parser.parse_args()


def measure(cases: Sequence[Case], goals: Sequence[Goal], *, num_rounds: int, json_file: Path | None = None) -> int:
    """Runs the rounds and prints two tables. Returns 0 when every run ended well and every goal is met, else 1."""
    rounds = []
    for number in range(num_rounds + 1):
        print(f"round {number} of {num_rounds}" + ("" if number else " (warms up, not counted)"), flush=True)
        rounds.append({case.name: run(case) for case in cases})
    counted = rounds[1:]
    ratios = {goal: paired_ratio(goal, counted) for goal in goals}
    print(f"\n{machine()}; {num_rounds} rounds\n")
    print_times(cases, counted)
    print_ratios(ratios)
    failed = [(name, result) for line in rounds for name, result in line.items() if not result.ended_well]
    for name, result in failed[:3]:
        print(f"\n{name}: exit code {result.exit_code}\n{result.output[-2000:]}")
    if json_file is not None:
        times = [{name: asdict(result) for name, result in line.items()} for line in counted]
        goals_met = [{**asdict(goal), "ratio": ratio and asdict(ratio)} for goal, ratio in ratios.items()]
        json_file.write_text(json.dumps({"machine": machine(), "goals": goals_met, "rounds": times}, indent=1))
    return int(bool(failed) or not all(meets(ratio, goal) for goal, ratio in ratios.items()))


def run(case: Case) -> Result:
    """Runs one case to its end, keeping what it printed."""
    # Without bytecode every process would compile our files anew, which no user's second run does.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    # A session of its own, which can be ended whole; a command that watches over it would be measured too.
    with subprocess.Popen(
        list(map(str, case.command)),
        cwd=case.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
    return Result(
        seconds=time.perf_counter() - start,
        exit_code=process.returncode,
        ended_well=process.returncode == case.exit_code,
        output=output,
    )


def paired_ratio(goal: Goal, rounds: Sequence[dict[str, Result]]) -> Spread | None:
    """Ours over the peer's, over the rounds in which both ended well."""
    pairs = [(line[goal.ours], line[goal.peer]) for line in rounds]
    return spread([ours.seconds / peer.seconds for ours, peer in pairs if ours.ended_well and peer.ended_well])


def spread(numbers: Sequence[float]) -> Spread | None:
    """None of no numbers."""
    return Spread(median=statistics.median(numbers), min=min(numbers), max=max(numbers)) if numbers else None


def print_times(cases: Sequence[Case], rounds: Sequence[dict[str, Result]]) -> None:
    """One line per case."""
    width = max(len(case.name) for case in cases)
    print(f"{'whole process, seconds':{width}}  {HEADER}  ended well")
    for case in cases:
        results = [line[case.name] for line in rounds]
        num_good = sum(result.ended_well for result in results)
        times = cells(spread([result.seconds for result in results]))
        print(f"{case.name:{width}}  {times}  {num_good} of {len(results)}")


def print_ratios(ratios: dict[Goal, Spread | None]) -> None:
    """One line per goal."""
    names = {goal: f"{goal.ours} / {goal.peer}" for goal in ratios}
    width = max(map(len, names.values()))
    print(f"\n{'ratio, paired by round':{width}}  {HEADER}  goal")
    for goal, ratio in ratios.items():
        verdict = "met" if meets(ratio, goal) else "MISSED"
        print(f"{names[goal]:{width}}  {cells(ratio)}  <= {goal.at_most:.2f} {verdict}")


def cells(numbers: Spread | None) -> str:
    """A spread below HEADER."""
    return f"{numbers.median:6.3f}  {numbers.min:6.3f}  {numbers.max:6.3f}" if numbers else "     -       -       -"


def meets(ratio: Spread | None, goal: Goal) -> bool:
    """Whether the median keeps to the goal."""
    return ratio is not None and ratio.median <= goal.at_most


def machine() -> str:
    """What a reader of the numbers must know of the machine."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
