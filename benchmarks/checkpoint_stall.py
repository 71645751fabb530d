"""How long a checkpoint holds training up, against torch.save of the same tensors and one fsync, in turn.

    python benchmarks/checkpoint_stall.py [--rounds N] [--megabytes N] [--folder DIR]

Ours is safetensors and optimizer state, hashed, synced, listed in a manifest, renamed: at most 1.10x. Exit code 0 when
the goal is met, 1 when not. DIR should lie on the disk that runs are kept on.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from harness.checkpoint import Keep, save_checkpoint
from harness.train_state import TrainState

GOAL = 1.10
WIDTH = 1024


def main() -> int:
    """Measures, prints, and says with the exit code whether the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds after one that warms up (default 7)")
    parser.add_argument("--megabytes", type=int, default=150, help="weights and optimizer state (default 150)")
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder here)")
    arguments = parser.parse_args()
    state = trained_state(arguments.megabytes)
    with tempfile.TemporaryDirectory(dir=arguments.folder or Path.cwd()) as name:
        pairs = [(ours(state, Path(name)), peer(state, Path(name))) for _ in range(arguments.rounds + 1)][1:]
    ratios = sorted(mine / theirs for mine, theirs in pairs)
    median = statistics.median(ratios)
    print(f"{'seconds of one save':32}  median     min     max")
    for title, times in (("ours", [pair[0] for pair in pairs]), ("torch.save and fsync", [pair[1] for pair in pairs])):
        print(f"{title:32}  {statistics.median(times):6.3f}  {min(times):6.3f}  {max(times):6.3f}")
    print(
        f"{'ratio, paired by round':32}  {median:6.3f}  {ratios[0]:6.3f}  {ratios[-1]:6.3f}  goal <= {GOAL:.2f}", end=""
    )
    print(f" {'met' if median <= GOAL else 'MISSED'}")
    return int(median > GOAL)


def trained_state(megabytes: int) -> TrainState:
    """Linear layers with AdamW after one step: three numbers of 4 bytes for each parameter."""
    num_layers = max(1, round(megabytes * 1e6 / 12 / WIDTH**2))
    model = nn.Sequential(*(nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(num_layers)))
    optimizer = torch.optim.AdamW(model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return TrainState(model=model, optimizers=[optimizer], step=1)


def ours(state: TrainState, folder: Path) -> float:
    """One checkpoint as the loop writes it."""
    started = time.perf_counter()
    save_checkpoint(folder / "ours", state, keep=Keep(newest=1), facts={})
    seconds = time.perf_counter() - started
    shutil.rmtree(folder / "ours")
    return seconds


def peer(state: TrainState, folder: Path) -> float:
    """The same tensors in one file."""
    started = time.perf_counter()
    with (folder / "peer.pt").open("wb") as file:
        torch.save([state.model.state_dict(), *(optimizer.state_dict() for optimizer in state.optimizers)], file)
        file.flush()
        os.fsync(file.fileno())
    seconds = time.perf_counter() - started
    (folder / "peer.pt").unlink()
    return seconds


if __name__ == "__main__":
    sys.exit(main())
