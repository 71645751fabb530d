"""How long a checkpoint holds training up, against torch.save of the same tensors and one fsync, in turn.

    python benchmarks/checkpoint_stall.py [--rounds N] [--megabytes N] [--steps N] [--folder DIR]

Each round trains a few steps after a save of ours, and as many after a save of the peer, at which training waits.
Ours takes a copy, and a thread writes it (safetensors and optimizer state, hashed, synced, listed in a manifest,
renamed). Its stall is what the training thread waits: for the copy, and for an earlier save where that is not done.
The steps beside a save are slower; by how much is counted, too, and so is the time until a save is on the disk.
The goal is a stall of at most 1.10x. Exit code 0 when it is met, 1 when not. DIR should be on the disk of the runs.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from harness.checkpoint import Keep, save_checkpoint
from harness.save_beside import SavesBeside
from harness.train_state import Contents, TrainState

GOAL = 1.10
WIDTH = 1024
NUM_ROWS = 64


@dataclass(frozen=True, kw_only=True)
class Round:
    """Seconds of one round."""

    stall: float  # of the training thread at our save
    again: float  # the same at a second save that follows at once
    whole: float  # from asking for the first until it is on the disk
    steps: Sequence[float]  # each step that began while ours was being written
    peer: float
    peer_steps: Sequence[float]


def main() -> int:
    """Measures, prints, and says with the exit code whether the goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds after one that warms up (default 7)")
    parser.add_argument("--megabytes", type=int, default=150, help="weights and optimizer state (default 150)")
    parser.add_argument("--steps", type=int, default=20, help="steps after each save (default 20)")
    parser.add_argument("--folder", type=Path, help="where to write (default: a temporary folder here)")
    arguments = parser.parse_args()
    state = new_state(arguments.megabytes)
    train(state)
    with tempfile.TemporaryDirectory(dir=arguments.folder or Path.cwd()) as name, SavesBeside() as saves:
        rounds = [one_round(state, saves, Path(name), arguments.steps) for _ in range(arguments.rounds + 1)][1:]
    return report(rounds)


def report(rounds: Sequence[Round]) -> int:
    """Prints a table; 1 when the goal is missed."""
    slower = [sum(one.steps) - len(one.steps) * statistics.median(one.peer_steps) for one in rounds]
    print(f"{'seconds':48}  median     min     max")
    line("torch.save and fsync", [one.peer for one in rounds])
    line("ours: stall of a save", [one.stall for one in rounds])
    line("ours: stall of one right after it", [one.again for one in rounds])
    line("ours: until the save is on the disk", [one.whole for one in rounds])
    line("a step with no save beside it", [statistics.median(one.peer_steps) for one in rounds])
    line("a step beside a save", [statistics.median(one.steps) for one in rounds])
    line("what the steps beside a save took longer", slower)
    print(f"\n{'ratios to torch.save and fsync, paired by round':48}  median     min     max")
    line("stall", [one.stall / one.peer for one in rounds])
    line("stall and slower steps", [(one.stall + more) / one.peer for one, more in zip(rounds, slower, strict=True)])
    line("stall of one right after it", [one.again / one.peer for one in rounds])
    line("until the save is on the disk", [one.whole / one.peer for one in rounds])
    ratio = statistics.median(one.stall / one.peer for one in rounds)
    print(f"\nstall {ratio:.3f}  goal <= {GOAL:.2f} {'met' if ratio <= GOAL else 'MISSED'}")
    return int(ratio > GOAL)


def line(title: str, values: Sequence[float]) -> None:
    """One row of the table."""
    print(f"  {title:46}  {statistics.median(values):6.3f}  {min(values):6.3f}  {max(values):6.3f}")


def new_state(megabytes: int) -> TrainState:
    """Linear layers with AdamW: three numbers of 4 bytes for each parameter."""
    num_layers = max(1, round(megabytes * 1e6 / 12 / WIDTH**2))
    model = nn.Sequential(*(nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(num_layers)))
    return TrainState(model=model, optimizers=[torch.optim.AdamW(model.parameters())])


def train(state: TrainState) -> float:
    """One step; its seconds."""
    started = time.perf_counter()
    state.model(torch.ones(NUM_ROWS, WIDTH)).square().mean().backward()
    state.optimizers[0].step()
    state.optimizers[0].zero_grad()
    state.step += 1
    return time.perf_counter() - started


def one_round(state: TrainState, saves: SavesBeside, folder: Path, num_steps: int) -> Round:
    """Ours with steps beside it, ours twice in a row, the peer and steps after it."""
    saved_at = list[float]()

    def write(contents: Contents, _stall_seconds: float) -> None:
        save_checkpoint(folder / "ours", contents, keep=Keep(newest=1), facts={})
        saved_at.append(time.perf_counter())

    started = time.perf_counter()
    saves.save(state, write)
    stall = time.perf_counter() - started
    steps = [train(state) for _ in range(num_steps) if not saved_at]
    saves.wait()
    state.step += 1  # and so another checkpoint
    saves.save(state, write)
    state.step += 1
    asked_again = time.perf_counter()
    saves.save(state, write)
    again = time.perf_counter() - asked_again
    saves.wait()
    shutil.rmtree(folder / "ours")
    peer_seconds = peer(state, folder)
    return Round(
        stall=stall,
        again=again,
        whole=saved_at[0] - started,
        steps=steps,
        peer=peer_seconds,
        peer_steps=[train(state) for _ in range(num_steps)],
    )


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
