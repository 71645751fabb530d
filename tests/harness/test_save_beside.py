"""Saves by a thread while training goes on: what is written, when, and what becomes of a save that fails."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from harness.checkpoint import Keep, find_fault, load_checkpoint, save_checkpoint
from harness.console import Console
from harness.job import Job
from harness.loop import train
from harness.ranks import Ranks
from harness.rows import read
from harness.run_directory import open_run_directory
from harness.save_beside import SavesBeside
from harness.split import split_batch
from harness.stop import StopFlag
from harness.train_state import Contents, TrainState

MakeJob = Callable[..., Job]


def state_of_small_model() -> TrainState:
    torch.manual_seed(0)
    model = torch.nn.Linear(40, 40)
    return TrainState(model=model, optimizers=[torch.optim.AdamW(model.parameters())], data_state={"at": [0]})


def train_on(state: TrainState, num_steps: int) -> None:
    for _ in range(num_steps):
        state.model(torch.ones(40)).square().sum().backward()
        state.optimizers[0].step()
        state.optimizers[0].zero_grad()
        state.step += 1
        state.data_state["at"][0] = state.step


def files(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_what_is_written_is_the_state_of_the_step_at_which_it_was_asked_for(tmp_path: Path) -> None:
    may_write, state = threading.Event(), state_of_small_model()

    def write(contents: Contents, _stall_seconds: float) -> None:
        assert may_write.wait(60)
        save_checkpoint(tmp_path / "beside", contents, keep=Keep(newest=9), facts={})

    for num_steps in (2, 3):  # the second copy lies in the memory of the first
        with SavesBeside() as saves:
            may_write.clear()
            train_on(state, num_steps)
            expected = save_checkpoint(tmp_path / "at_once", state.contents(), keep=Keep(newest=9), facts={})
            saves.save(state, write)
            train_on(state, 4)
            assert not (tmp_path / "beside" / expected.name).exists(), "training went on before anything was written"
            may_write.set()
        assert files(tmp_path / "beside" / expected.name) == files(expected)
    loaded = state_of_small_model()
    load_checkpoint(tmp_path / "beside" / "step_00000009", loaded)
    assert (loaded.step, loaded.data_state) == (9, {"at": [9]})


def test_a_save_waits_for_the_one_before_and_says_how_long_it_held_training_up() -> None:
    may_write, written, state = threading.Event(), list[tuple[int, bool]](), state_of_small_model()

    def write(contents: Contents, stall_seconds: float) -> None:
        may_write.wait(60)
        written.append((contents.numbers["step"], stall_seconds >= 0.2))

    with SavesBeside() as saves:
        saves.save(state, write)
        threading.Timer(0.3, may_write.set).start()
        train_on(state, 1)
        saves.save(state, write)
    assert written == [(0, False), (1, True)]


def fails(_contents: Contents, _stall_seconds: float) -> None:
    raise OSError(28, "no room")


def test_a_save_that_fails_is_raised_once_at_the_next_occasion() -> None:
    state = state_of_small_model()
    with SavesBeside() as saves:
        saves.save(state, fails)
        with pytest.raises(OSError, match="no room"):
            saves.save(state, fails)
        saves.check()
        saves.wait()
        saves.save(state, fails)
        with pytest.raises(OSError, match="no room"):
            saves.wait()
        saves.wait()
        saves.save(state, fails)
        with pytest.raises(OSError, match="no room"):  # noqa: PT012 - as the loop asks, step by step
            for _ in range(10_000_000):
                saves.check()
    with pytest.raises(OSError, match="no room"), SavesBeside() as saves:
        saves.save(state, fails)


def test_an_error_of_the_training_is_not_hidden_by_one_of_a_save() -> None:
    with pytest.raises(ZeroDivisionError) as caught, SavesBeside() as saves:  # noqa: PT012 - it is about two errors
        saves.save(state_of_small_model(), fails)
        raise ZeroDivisionError
    assert caught.value.__notes__ == ["a save failed too: [Errno 28] no room"]


def run_in(path: Path, job: Job, ranks: Ranks) -> None:
    path.mkdir()
    split = split_batch(batch_size=job.batch_size, num_processes=1, micro_batch_size=job.micro_batch_size)
    train(job, split, ranks, open_run_directory(path), Console(speaks=False), StopFlag())


def test_every_checkpoint_of_a_run_that_saves_after_each_step_is_that_of_a_run_that_ended_there(
    make_job: MakeJob, alone: Ranks, tmp_path: Path
) -> None:
    run_in(tmp_path / "all", make_job(dropout=0.3, checkpoint_every_steps=1, keep_checkpoints=9), alone)
    for step in range(1, 9):
        run_in(tmp_path / str(step), make_job(dropout=0.3, num_steps=step), alone)
        ours, expected = (tmp_path / name / "checkpoints" / f"step_{step:08}" for name in ("all", str(step)))
        assert find_fault(ours) == ""
        assert files(ours) == files(expected)
    events = [row for row in read(tmp_path / "all" / "events.jsonl") if row["event"] == "checkpoint"]
    assert [row["step"] for row in events] == list(range(1, 9))
    assert all(0 < row["stall_seconds"] <= row["seconds"] for row in events)


def test_a_last_save_that_fails_ends_the_run_with_its_error(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    checkpoints = tmp_path / "run" / "checkpoints"

    def in_the_way_at_7(step: int) -> float:
        if step == 7:
            while '"checkpoint"' not in (tmp_path / "run" / "events.jsonl").read_text():
                time.sleep(0.01)  # the save of step 4 tidies up, and would stumble first
            checkpoints.rename(tmp_path / "away")
            checkpoints.write_text("a file, where a folder is to be")
        return 1 / (1 + step)

    with pytest.raises(OSError, match="checkpoints") as caught:
        run_in(tmp_path / "run", make_job(checkpoint_every_steps=4, lr_factor=in_the_way_at_7), alone)
    assert caught.value.__notes__ == ["after step 8"]
    assert find_fault(tmp_path / "away" / "step_00000004") == ""
