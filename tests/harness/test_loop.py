"""The loop against a loop written out by hand, and a killed run against one that never was."""

import errno
import math
import resource
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from harness.checkpoint import load_checkpoint
from harness.console import Console
from harness.job import Batch, Eval, Examples, ExampleStream, Job
from harness.launch import Failed, Refused
from harness.loop import Ended, train
from harness.order import Order
from harness.ranks import Ranks
from harness.rows import read
from harness.run_directory import RunDirectory, open_run_directory
from harness.split import Split, split_batch
from harness.stop import StopFlag
from harness.streams import stream_seed
from harness.train_state import TrainState

MakeJob = Callable[..., Job]
NUM_STEPS = 8


class Killed(BaseException):
    """What kill -9 is within one process: nothing of ours runs after it."""


def bits(job: Job) -> list[Any]:
    """Weights and optimizer state."""
    tensors = list(job.model.state_dict().values())
    for optimizer in job.optimizers:
        tensors += [value for values in optimizer.state_dict()["state"].values() for value in values.values()]
    return [tensor.numpy().tobytes() for tensor in tensors]


def split_of(job: Job) -> Split:
    """The whole batch on one process."""
    return split_batch(batch_size=job.batch_size, num_processes=1, micro_batch_size=job.micro_batch_size)


def indexed(job: Job) -> Examples:
    assert not isinstance(job.examples, ExampleStream)
    return job.examples


def run_in(path: Path, job: Job, ranks: Ranks, stop: StopFlag | None = None) -> Ended:
    """One start of a run in this directory."""
    path.mkdir(exist_ok=True)
    run: RunDirectory = open_run_directory(path)
    return train(job, split_of(job), ranks, run, Console(speaks=False), StopFlag() if stop is None else stop)


def losses_of(path: Path) -> list[float]:
    """The loss of each step, of the last start that did the step."""
    last = {row["step"]: row["train/loss"] for row in read(path / "metrics.jsonl")}
    assert list(last) == sorted(last)
    return list(last.values())


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_losses_and_weights_are_those_of_a_loop_written_by_hand(
    make_job: MakeJob, alone: Ranks, tmp_path: Path, dropout: float
) -> None:
    job = make_job(dropout=dropout)
    run_in(tmp_path, job, alone)

    other = make_job(dropout=dropout)
    model: nn.Module = other.model
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    order = Order(seed=3, num_examples=10, batch_size=4)
    losses, norms = [], []
    for step in range(NUM_STEPS):
        inputs, targets = indexed(other).batch(*order.at(step))
        torch.manual_seed(stream_seed(3, "noise", step, 0))
        loss = nn.functional.cross_entropy(
            model(inputs).flatten(0, 1), targets.flatten(), ignore_index=-1, reduction="sum"
        )
        loss = loss / int((targets != -1).sum())
        optimizer.zero_grad()
        loss.backward()
        norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), 1.0)))
        optimizer.param_groups[0]["lr"] = 0.1 * (1 / (1 + step))
        optimizer.step()
        losses.append(loss.item())
    assert losses_of(tmp_path) == losses
    assert [row["train/grad_norm"] for row in read(tmp_path / "metrics.jsonl")] == norms
    assert all(map(torch.equal, job.model.state_dict().values(), model.state_dict().values()))


# 10 examples in batches of 4: epochs end after 2.5, 5 and 7.5 steps.
@pytest.mark.parametrize("saved_after", [1, 3, 5, 7])
@pytest.mark.parametrize("micro_batch_size", [None, 2])
def test_a_killed_run_ends_with_the_bits_of_a_straight_one(
    make_job: MakeJob, alone: Ranks, tmp_path: Path, saved_after: int, micro_batch_size: int | None
) -> None:
    def job_killed_at(killed_at: int | None) -> Job:
        def lr_factor(step: int) -> float:
            if step == killed_at:
                raise Killed
            return 1 / (1 + step)

        return make_job(
            dropout=0.3, checkpoint_every_steps=saved_after, lr_factor=lr_factor, micro_batch_size=micro_batch_size
        )

    straight = job_killed_at(None)
    run_in(tmp_path / "straight", straight, alone)
    with pytest.raises(Killed):
        run_in(tmp_path / "killed", job_killed_at(min(2 * saved_after - 1, NUM_STEPS - 1)), alone)
    resumed = job_killed_at(None)
    for parameter in resumed.model.parameters():
        nn.init.normal_(parameter)  # a checkpoint is all that a resumed run needs
    run_in(tmp_path / "killed", resumed, alone)
    assert bits(resumed) == bits(straight)
    assert losses_of(tmp_path / "killed") == losses_of(tmp_path / "straight")
    events = [(row["event"], row["seg"], row["step"]) for row in read(tmp_path / "killed" / "events.jsonl")]
    assert ("started", 0, 0) in events
    assert ("resumed", 1, saved_after) in events


def test_a_run_killed_before_its_first_checkpoint_starts_again(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    def killed_at_2(step: int) -> float:
        if step == 2:
            raise Killed
        return 1 / (1 + step)

    with pytest.raises(Killed):
        run_in(tmp_path, make_job(lr_factor=killed_at_2), alone)
    resumed, straight = make_job(), make_job()
    run_in(tmp_path, resumed, alone)
    run_in(tmp_path / "straight", straight, alone)
    assert bits(resumed) == bits(straight)


def test_a_broken_newest_checkpoint_is_said_and_the_one_before_used(
    make_job: MakeJob, alone: Ranks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    straight = make_job(checkpoint_every_steps=3)
    run_in(tmp_path, straight, alone)
    (tmp_path / "checkpoints" / "step_00000008" / "optimizers.pt").write_bytes(b"torn")
    resumed = make_job(checkpoint_every_steps=3)
    train(resumed, split_of(resumed), alone, open_run_directory(tmp_path), Console(speaks=True), StopFlag())
    said = capsys.readouterr().out.splitlines()
    assert "step_00000008: optimizers.pt is not what was written" in said[0]
    assert said[1].startswith("goes on after step 6 from ")
    assert bits(resumed) == bits(straight)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step_00000006", "step_00000008"]


def test_a_run_without_a_whole_checkpoint_does_not_write_over_the_broken_ones(
    make_job: MakeJob, alone: Ranks, tmp_path: Path
) -> None:
    run_in(tmp_path, make_job(), alone)
    for manifest in (tmp_path / "checkpoints").glob("*/manifest.json"):
        manifest.write_text("[" * 200_000)  # also more than a parser takes
    before = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    with pytest.raises(Refused, match="none of the run's checkpoints is whole"):
        run_in(tmp_path, make_job(), alone)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == before
    shutil.rmtree(tmp_path / "checkpoints")
    assert run_in(tmp_path, make_job(), alone).reason == "finished"


@pytest.mark.parametrize("in_shards", [False, True])
def test_a_full_disk_ends_the_run_and_it_goes_on_when_there_is_room(
    make_job: MakeJob, alone: Ranks, tmp_path: Path, in_shards: bool
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def full_from_step_4(step: int) -> float:
        if step == 4:
            while not (tmp_path / "full" / "checkpoints" / "step_00000003").is_dir():
                time.sleep(0.001)
            resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))  # enough for the rows, not for a checkpoint
        return 1 / (1 + step)

    straight = make_job(dropout=0.3)
    run_in(tmp_path / "straight", straight, alone)
    job = make_job(dropout=0.3, lr_factor=full_from_step_4, checkpoint_every_steps=3, in_shards=in_shards)
    try:
        with pytest.raises(OSError, match="cannot be written") as raised:
            run_in(tmp_path / "full", job, alone)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.errno == errno.EFBIG
    assert [path.name for path in (tmp_path / "full" / "checkpoints").iterdir()] == ["step_00000003"]
    resumed = make_job(dropout=0.3, in_shards=in_shards)
    run_in(tmp_path / "full", resumed, alone)
    assert bits(resumed) == bits(straight)
    assert ("resumed", 3) in [(row["event"], row["step"]) for row in read(tmp_path / "full" / "events.jsonl")]


def test_a_signal_stops_saves_and_the_resumed_run_has_the_bits_of_a_straight_one(
    make_job: MakeJob, alone: Ranks, tmp_path: Path
) -> None:
    stop = StopFlag()

    def signalled_at_4(step: int) -> float:
        if step == 4:
            stop.receive(signal.SIGTERM, None)
        return 1 / (1 + step)

    ended = run_in(tmp_path, make_job(dropout=0.3, lr_factor=signalled_at_4), alone, stop)
    assert (ended.reason, ended.step) == ("SIGTERM", 5)
    assert [row["step"] for row in read(tmp_path / "metrics.jsonl")] == [1, 2, 3, 4, 5]
    resumed, straight = make_job(dropout=0.3), make_job(dropout=0.3)
    assert run_in(tmp_path, resumed, alone).reason == "finished"
    run_in(tmp_path / "straight", straight, alone)
    assert bits(resumed) == bits(straight)


def test_a_finished_run_that_is_started_again_changes_nothing(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    first = make_job()
    run_in(tmp_path, first, alone)
    before = {path: path.read_bytes() for path in (tmp_path / "checkpoints").rglob("*") if path.is_file()}
    again = make_job()
    assert run_in(tmp_path, again, alone) == Ended(reason="finished", step=NUM_STEPS, metrics={})
    assert bits(again) == bits(first)
    assert before == {path: path.read_bytes() for path in (tmp_path / "checkpoints").rglob("*") if path.is_file()}
    assert len(read(tmp_path / "metrics.jsonl")) == NUM_STEPS


def test_a_gradient_that_is_not_finite_raises_before_it_touches_the_weights(
    make_job: MakeJob, alone: Ranks, tmp_path: Path
) -> None:
    healthy = make_job(num_steps=4)
    run_in(tmp_path / "healthy", healthy, alone)
    num_calls = 0

    def infinite_at_4(model: nn.Module, batch: Batch) -> torch.Tensor:
        nonlocal num_calls
        num_calls += 1
        return healthy.loss_sum(model, batch) * (math.inf if num_calls == 5 else 1.0)

    broken = make_job(loss_sum=infinite_at_4)
    with pytest.raises(Failed, match="not finite"):
        run_in(tmp_path, broken, alone)
    assert bits(broken) == bits(healthy)
    recorded = [row for row in read(tmp_path / "metrics.jsonl") if row["train/loss"] != "NaN"]
    assert [row["step"] for row in recorded] == [1, 2, 3, 4], "the steps before the failure are in the record"


def test_where_steps_may_be_left_out_the_end_says_how_more_may_be(
    make_job: MakeJob, alone: Ranks, tmp_path: Path
) -> None:
    def infinite(model: nn.Module, batch: Batch) -> torch.Tensor:
        return make_job().loss_sum(model, batch) * math.inf

    with pytest.raises(
        Failed, match=r"(?s)2 steps were skipped before it; .*train\.non_finite\.max_steps lets more"
    ) as ended:
        run_in(tmp_path, make_job(loss_sum=infinite, max_skipped_steps=2), alone)
    assert "skip" not in str(ended.value).partition("help")[2]


def test_what_is_due_happens_when_it_is_due(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    num_evals = 0

    def rows(_model: nn.Module, items: Any) -> Any:
        nonlocal num_evals
        num_evals += 1
        return [{"id": item} for item in items]

    evals = {"a": Eval(items=["x"], rows=rows, metrics=lambda _rows: {"n": 1.0})}
    job = make_job(evals=evals, eval_every_steps=3, checkpoint_every_steps=4, num_steps=10, keep_checkpoints=9)
    ended = run_in(tmp_path, job, alone)
    events = [(row["event"], row["step"]) for row in read(tmp_path / "events.jsonl")]
    assert [step for kind, step in events if kind == "evaluated"] == [3, 6, 9, 10]
    assert [step for kind, step in events if kind == "checkpoint"] == [4, 8, 10]
    assert ended == Ended(reason="finished", step=10, metrics={"eval/a/n": 1.0})
    assert num_evals == 4


def test_an_eval_leaves_no_trace_in_training(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    def noisy(_model: nn.Module, items: Any) -> Any:
        return [{"id": item, "noise": float(torch.rand(()))} for item in items]

    evals = {"a": Eval(items=["x", "y"], rows=noisy, metrics=lambda _rows: {"n": 1.0})}
    with_evals = make_job(dropout=0.3, evals=evals, eval_every_steps=1)
    without = make_job(dropout=0.3)
    for number, job in enumerate((with_evals, without)):
        (tmp_path / str(number)).mkdir()
        run_in(tmp_path / str(number), job, alone)
    assert bits(with_evals) == bits(without)


def test_the_tokens_seen_are_counted_and_saved(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    job = make_job()
    run_in(tmp_path, job, alone)
    order = Order(seed=3, num_examples=10, batch_size=4)
    expected = sum(job.num_targets(indexed(job).batch(*order.at(step))) for step in range(NUM_STEPS))
    state = TrainState(model=job.model, optimizers=job.optimizers)
    load_checkpoint(tmp_path / "checkpoints" / "step_00000008", state)
    assert state.num_tokens == expected == sum(row["train/tokens"] for row in read(tmp_path / "metrics.jsonl"))


def test_runs_of_one_seed_are_equal_and_of_another_differ(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    ends = []
    for seed in (3, 3, 4):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        job = make_job(seed=seed)
        run_in(tmp_path / "run", job, alone)
        ends.append(bits(job))
    assert ends[0] == ends[1] != ends[2]
