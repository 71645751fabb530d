"""What the trainer costs beside the model: every loop in one environment, in turn, as differences to a bare loop.

    python -m venv .bench/trainer
    .bench/trainer/bin/pip install -r benchmarks/trainer_peers.txt -e .
    .bench/trainer/bin/python benchmarks/trainer.py [steps start nanogpt] [--rounds N] [--nanogpt DIR] [--json FILE]

- steps: microseconds that each loop adds to a step of a bare PyTorch loop, on three models, in 1 process and in 2. On
  the null model ours adds at most 0.30x of what accelerate's documented loop adds, and less than every peer, by the
  median step; the mean also has what is done every ten steps: ours reduces, records and prints then, and some peers
  print. "bare again" is the noise: what is smaller than it was not measured. "accelerate, step only" is no peer but
  what one would build from: no order of its own, no check, no record.
- start: seconds from the command to the end of the first step, at most 0.3 more than of the smallest accelerate script.
- nanogpt: tokens per second against nanoGPT of the same size; DIR is a checkout of github.com/karpathy/nanoGPT.

What a checkpoint costs is measured by benchmarks/checkpoint_stall.py. Exit code 0 when all goals are met, 1 when not.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.debug_run import CONFIG, LAUNCH, PROFILE, nanogpt_case, sizes_of
from benchmarks.rounds import ROOT, machine, run
from bindings import SCHEMA
from falsework import load

MODELS = ("null", "tiny", "middle")
OF_ACCELERATE = 0.30
START_SECONDS = 0.3
TIMEOUT_SECONDS = 3600
NUM_STEPS = 100  # of the comparison with nanoGPT, which has AdamW, and no table of n-grams
BASELINE = "configs/01_baseline.toml"
LIKE_NANOGPT = f"[model]\nnum_hash_buckets = 0\n[train]\nnum_steps = {NUM_STEPS}\n[log]\nevery_steps = 10\n"
NO_PEERS = ("ours", "accelerate, step only", "bare", "bare again", "bare, no loader")

Times = dict[str, list[tuple[float, float]]]  # loop -> (median, mean) of each round


def main() -> int:
    """Measures, prints, and says with the exit code whether every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "what", nargs="*", default=["steps", "start"], help="steps, start, nanogpt (default: the first two)"
    )
    parser.add_argument("--rounds", type=int, default=9, help="measured rounds after one that warms up (default 9)")
    parser.add_argument("--models", nargs="*", default=MODELS, choices=MODELS)
    parser.add_argument("--processes", nargs="*", type=int, default=[1, 2], choices=[1, 2])
    parser.add_argument("--nanogpt", type=Path, metavar="DIR", help="a checkout of nanoGPT")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write every single time")
    arguments = parser.parse_args()
    print(f"{machine()}; {arguments.rounds} rounds")
    measured: dict[str, Any] = {"machine": machine()}
    goals = []
    if "steps" in arguments.what:
        for num_processes in arguments.processes:
            for model in arguments.models:
                times = steps(model, num_processes, arguments.rounds)
                measured[f"steps, {model}, {num_processes}"] = times
                goals.append(print_steps(model, num_processes, times))
    if "start" in arguments.what:
        measured["start"] = start(arguments.rounds)
        goals.append(print_pair("seconds to the end of the first step", measured["start"], at_most=START_SECONDS))
    if "nanogpt" in arguments.what:
        measured["nanogpt"] = tokens_per_second(arguments.nanogpt, arguments.rounds)
        goals.append(print_pair("tokens per second", measured["nanogpt"], at_least=1.0))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(measured, indent=1))
    return int(not all(goals))


def steps(model: str, num_processes: int, num_rounds: int) -> Times:
    """The median and the mean step of each loop in each round, in microseconds; one process tree measures them all."""
    launcher = [sys.executable, "-m"]
    if num_processes > 1:
        launcher += ["torch.distributed.run", "--standalone", "--nproc_per_node", str(num_processes), "-m"]
    done = subprocess.run(
        [*launcher, "benchmarks.trainer_steps", model, "--rounds", str(num_rounds)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    if done.returncode:
        sys.exit(f"{model} on {num_processes}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    for name, error in said["failed"].items():
        print(f"left out: {name} ({error})")
    times: Times = said["microseconds"]
    return times


def print_steps(model: str, num_processes: int, times: Times) -> bool:
    """One line per loop; whether ours keeps to the goal, which is set on the null model alone."""
    processes = "1 process" if num_processes == 1 else f"{num_processes} processes"
    added = {name: _added(own, times["bare"], 0) for name, own in times.items()}
    by_mean = {name: statistics.median(_added(own, times["bare"], 1)) for name, own in times.items()}
    print(f"\n{f'{model}, {processes}: microseconds':36}   a step   added     p25     p75   by the mean")
    for name, own in times.items():
        low, middle, high = statistics.quantiles(added[name], n=4) if len(own) > 1 else added[name] * 3
        step = statistics.median(median for median, _ in own)
        print(f"{name:36} {step:8.0f} {middle:7.0f} {low:7.0f} {high:7.0f} {by_mean[name]:13.0f}")
    medians = {name: statistics.median(differences) for name, differences in added.items()}
    if model != "null":
        noise = max(abs(difference) for difference in added["bare again"])
        print(f"ours adds {medians['ours']:.0f}, and bare against bare up to {noise:.0f}")
        return medians["ours"] <= noise
    share = medians["ours"] / medians["accelerate"]
    less = all(medians["ours"] < value for name, value in medians.items() if name not in NO_PEERS)
    is_met = share <= OF_ACCELERATE and less
    verdict = "met" if is_met else "MISSED"
    print(f"ours / accelerate {share:.2f}  <= {OF_ACCELERATE:.2f} and less than every peer: {verdict}")
    return is_met


def _added(own: list[tuple[float, float]], bare: list[tuple[float, float]], which: int) -> list[float]:
    return [one[which] - base[which] for one, base in zip(own, bare, strict=True)]


def start(num_rounds: int) -> dict[str, list[float]]:
    """Seconds from the command to the end of the first step, under `accelerate launch`."""
    sizes = json.dumps(sizes_of(load([ROOT / CONFIG, ROOT / PROFILE], **SCHEMA).tree))
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    for number in range(num_rounds + 1):
        with tempfile.TemporaryDirectory() as name:
            here = _runs_in(Path(name))
            began = time.time()
            _must_end_well([*LAUNCH, "train.py", CONFIG, PROFILE, here])
            mine = _first_row(Path(name))["t"] - began
            began = time.time()
            output = _must_end_well([*LAUNCH, "benchmarks/smallest_accelerate_script.py", sizes])
            found = re.search(r"first step ended at (\S+)", output)
            assert found, output
        if number:
            times["ours"].append(mine)
            times["peer"].append(float(found[1]) - began)
    return times


def tokens_per_second(checkout: Path | None, num_rounds: int) -> dict[str, list[float]]:
    """The median step of each run after the first fifth, as tokens per second, of a GPT of the same size."""
    if checkout is None:
        sys.exit("nanogpt needs --nanogpt DIR")
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    for number in range(num_rounds + 1):
        with tempfile.TemporaryDirectory() as name:
            here = _runs_in(Path(name), LIKE_NANOGPT)
            tree = load([ROOT / BASELINE, ROOT / PROFILE, here], **SCHEMA).tree
            num_tokens = tree["train"]["batch_size"] * tree["data"]["seq_len"]
            _must_end_well([sys.executable, "train.py", BASELINE, PROFILE, here])
            rows = [json.loads(line) for line in _metrics(Path(name)).read_text().splitlines()]
            mine = [row["train/step_seconds"] for row in rows][NUM_STEPS // 5 :]
            result = run(nanogpt_case(checkout, tree, Path(name)))
            if not result.ended_well:
                sys.exit(result.output[-2000:])
            theirs = [float(ms) / 1e3 for ms in re.findall(r"time ([\d.]+)ms", result.output)][NUM_STEPS // 5 :]
        if number:
            times["ours"].append(num_tokens / statistics.median(mine))
            times["peer"].append(num_tokens / statistics.median(theirs))
    return times


def print_pair(
    title: str, times: dict[str, list[float]], *, at_most: float | None = None, at_least: float | None = None
) -> bool:
    """Ours and the peer's; `at_most` bounds the difference, `at_least` the ratio, paired by round."""
    print(f"\n{title:40}  median     min     max")
    for name, own in times.items():
        print(f"{name:40} {statistics.median(own):8.2f} {min(own):8.2f} {max(own):8.2f}")
    pairs = list(zip(times["ours"], times["peer"], strict=True))
    if at_most is not None:
        value, goal = statistics.median(mine - theirs for mine, theirs in pairs), f"difference <= {at_most:.2f}"
        is_met = value <= at_most
    else:
        assert at_least is not None
        value, goal = statistics.median(mine / theirs for mine, theirs in pairs), f"ratio >= {at_least:.2f}"
        is_met = value >= at_least
    print(f"{goal}: {value:.2f} {'met' if is_met else 'MISSED'}")
    return is_met


def _runs_in(folder: Path, more: str = "[log]\nevery_steps = 5\n") -> Path:
    here = folder / "here.toml"
    here.write_text(f'{more}runs_dir = "{folder / "runs"}"\n')
    return here


def _must_end_well(command: Sequence[str | Path]) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
    )
    if done.returncode:
        sys.exit(f"{command}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def _metrics(folder: Path) -> Path:
    (path,) = (folder / "runs").glob("*/metrics.*")
    return path


def _first_row(folder: Path) -> dict[str, Any]:
    with _metrics(folder).open() as file:
        row: dict[str, Any] = json.loads(file.readline())
    return row


if __name__ == "__main__":
    sys.exit(main())
