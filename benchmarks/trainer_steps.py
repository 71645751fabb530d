"""One measurement of benchmarks/trainer.py: the time of a step of every loop, in turn, round by round, in one process.

Started by it (by torchrun for two processes); prints JSON. A loop that does not import or run is named with its error.
"""

import argparse
import contextlib
import io
import json
import os
import statistics
import sys
import warnings

import torch

from benchmarks import trainer_models
from benchmarks.trainer_loops import ON_ONE_PROCESS, ON_TWO_PROCESSES, Loop
from harness.cpu import look_for_garbage_again, prepare_cpu
from harness.ranks import Ranks, Timeouts, start_ranks

PLAN = {"null": (400, 50), "tiny": (120, 20), "middle": (16, 3)}  # steps, of which the first are not counted
TIMEOUTS = Timeouts(start_seconds=300.0, steady_seconds=300.0)


def main() -> None:
    """Measures and prints {loop: [[median, mean] microseconds of a step in each round]} on the main process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=PLAN)
    parser.add_argument("--rounds", type=int, required=True)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    prepare_cpu()
    look_for_garbage_again()
    if "LOCAL_RANK" in os.environ:  # gloo's threads wander between cores otherwise, and a step takes 480 us or 710
        os.sched_setaffinity(0, {int(os.environ["LOCAL_RANK"]) % (os.cpu_count() or 1)})
    ranks = start_ranks(device="cpu", num_threads=1, timeouts=TIMEOUTS, deterministic=False)
    loops = dict(ON_ONE_PROCESS if ranks.num_processes == 1 else ON_TWO_PROCESSES)
    num_steps, num_skipped = PLAN[arguments.model]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in loops}
    failed: dict[str, str] = {}
    for number in range(arguments.rounds + 1):
        for name in [*loops]:
            try:
                measured = microseconds(loops[name], arguments.model, num_steps, num_skipped, ranks)
            except Exception as error:  # noqa: BLE001 - a peer that does not run is a line of the table
                failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
                del loops[name]
                continue
            if number:  # the first round warms up
                times[name].append(measured)
    if ranks.is_main:
        print(json.dumps({"microseconds": {name: times[name] for name in loops}, "failed": failed}))
    sys.stdout.flush()
    ranks.wait()


def microseconds(loop: Loop, model: str, num_steps: int, num_skipped: int, ranks: Ranks) -> tuple[float, float]:
    """The median and the mean step of one training; what a loop prints goes to memory, as to a file."""
    trainer_models.entries_ns.clear()
    ranks.wait()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        loop(model, num_steps, ranks)
    entries = trainer_models.entries_ns
    assert len(entries) == num_steps, f"{len(entries)} forward passes in {num_steps} steps"
    between = [after - before for before, after in zip(entries[num_skipped:], entries[num_skipped + 1 :], strict=False)]
    return statistics.median(between) / 1e3, statistics.fmean(between) / 1e3


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
