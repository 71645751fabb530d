"""Two gloo processes, which on_two_ranks.py runs once for all of these tests, against this one process."""

import json
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from harness.ranks import Ranks
from harness.rows import read
from tests.harness import on_two_ranks as cases
from tests.harness.small_job import build_job


@pytest.fixture(scope="session")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what every case left, and results.json."""
    folder = tmp_path_factory.mktemp("two_ranks")
    cases.let_two_ranks_run(cases.__name__, folder, max_seconds=100)
    return folder


@pytest.fixture
def results(two_ranks: Path) -> dict[str, list[Any]]:
    """{case: [what rank 0 gave, what rank 1 gave]}."""
    found: dict[str, list[Any]] = json.loads((two_ranks / "results.json").read_text())
    return found


def losses(path: Path) -> list[Any]:
    """The loss of each step, of the last start that did the step; a word where it is not finite."""
    return list({row["step"]: row["train/loss"] for row in read(path / "metrics.jsonl")}.values())


def test_resumed_in_and_between_epochs_both_ranks_end_with_the_bits_of_a_straight_run(
    results: dict[str, list[Any]], two_ranks: Path
) -> None:
    expected = results["straight"][0]
    assert results["straight"] == [expected, expected]
    assert results["resumed"] == [{str(saved_after): expected for saved_after in cases.SAVED_AFTER}] * 2
    for saved_after in cases.SAVED_AFTER:
        assert losses(two_ranks / "resumed" / str(saved_after)) == losses(two_ranks / "straight")


def test_one_process_has_the_losses_of_two_and_goes_on_with_their_checkpoint(
    results: dict[str, list[Any]], two_ranks: Path, alone: Ranks, tmp_path: Path
) -> None:
    cases.run_in(tmp_path, cases.dying_job(), alone)
    assert losses(two_ranks / "straight") == pytest.approx(losses(tmp_path), rel=1e-5)
    assert results["half_done"] == ["killed", "killed"]
    cases.run_in(two_ranks / "half_done", cases.dying_job(), alone)
    assert losses(two_ranks / "half_done") == pytest.approx(losses(tmp_path), rel=1e-5)
    started = [row for row in read(two_ranks / "half_done" / "events.jsonl") if row["event"] == "resumed"]
    assert [row["step"] for row in started] == [3]


def test_two_processes_go_on_with_the_checkpoint_of_one(
    results: dict[str, list[Any]], two_ranks: Path, alone: Ranks, tmp_path: Path
) -> None:
    cases.run_in(tmp_path, cases.dying_job(), alone)
    assert results["grown"][0] == results["grown"][1]
    assert losses(two_ranks / "grown") == pytest.approx(losses(tmp_path), rel=1e-5)
    started = [row for row in read(two_ranks / "grown" / "events.jsonl") if row["event"] == "resumed"]
    assert [row["step"] for row in started] == [3]


def test_waits_and_memory_are_those_of_the_rank_that_has_most(results: dict[str, list[Any]], two_ranks: Path) -> None:
    rows = read(two_ranks / "measured" / "metrics.jsonl")
    assert [row["train/data_wait_seconds"] for row in rows] == [0.5, 0.5]
    assert [row["train/loss"] for row in rows] == [0.5, 0.5], "a sum of the parts"
    (of_main, _), (of_other, held) = results["measured"]
    assert of_main < held <= of_other <= rows[-1]["train/memory_bytes"]


def test_a_ragged_batch_has_one_loss_however_it_is_split(two_ranks: Path, alone: Ranks, tmp_path: Path) -> None:
    cases.run_in(tmp_path / "8", build_job(batch_size=8, num_examples=17), alone)
    expected = losses(tmp_path / "8")
    assert len(expected) == 8
    for size in cases.SPLITS:
        job = build_job(batch_size=8, num_examples=17, micro_batch_size=size)
        cases.run_in(tmp_path / str(size), job, alone)
        assert losses(tmp_path / str(size)) == pytest.approx(expected, rel=1e-5)
        assert losses(two_ranks / "splits" / str(size)) == pytest.approx(expected, rel=1e-5)


def test_an_eval_gives_the_same_however_many_share_it(
    results: dict[str, list[Any]], alone: Ranks, tmp_path: Path
) -> None:
    job, model = cases.eval_job(), build_job().model
    assert results["evaluated"][1] == {}, "numbers are the main process's"
    expected = cases.evaluated(alone, tmp_path / "alone")
    assert results["evaluated"][0] == pytest.approx(expected, rel=1e-6)
    batches = [cases.example(item) for item in range(5)]
    total = sum(job.loss_sum(model, batch).item() for batch in batches)
    assert expected["eval/mean/loss"] == pytest.approx(total / sum(map(job.num_targets, batches)), rel=1e-6)


def test_a_loss_that_is_not_finite_on_one_rank_stops_both_before_the_update(results: dict[str, list[Any]]) -> None:
    before = results["healthy_until_broken"][0]
    (said, aloud, weights), (same, silent, same_weights) = results["not_finite_raise"]
    assert said.startswith("step 4 is not finite: loss inf, gradient norm nan; the weights are those after step 3\n")
    assert said == same
    assert (aloud, silent) == (True, False)
    assert weights == same_weights == before


def test_a_step_that_is_not_finite_is_left_out_by_both_and_counted(
    results: dict[str, list[Any]], two_ranks: Path, alone: Ranks, tmp_path: Path
) -> None:
    first, second = results["not_finite_skip"]
    assert first == second
    skipped = [row for row in read(two_ranks / "not_finite_skip" / "events.jsonl") if row["event"] == "skipped"]
    assert [(row["step"], row["num_skipped"], row["loss"]) for row in skipped] == [(4, 1, "Infinity")]
    recorded = read(two_ranks / "not_finite_skip" / "metrics.jsonl")
    assert [row["train/skipped_steps"] for row in recorded] == [0, 0, 0, 1, 1, 1, 1, 1]
    assert [row["train/lr"] for row in recorded][3] == 0.0
    job = cases.broken_job(alone, max_skipped_steps=1)
    cases.run_in(tmp_path, job, alone)
    finite = [loss for loss in losses(tmp_path) if loss != "Infinity"]
    assert [row["train/loss"] for row in recorded if row["train/loss"] != "Infinity"] == pytest.approx(finite, rel=1e-5)


def test_a_signal_on_one_rank_stops_both_at_the_same_step(results: dict[str, list[Any]], two_ranks: Path) -> None:
    assert results["stopped"] == [["a signal on another rank", 3], ["SIGTERM", 3]]
    assert (two_ranks / "stopped" / "checkpoints" / "step_00000003").is_dir()


def test_short_steps_are_agreed_on_several_at_a_time_with_the_same_losses(
    results: dict[str, list[Any]], two_ranks: Path
) -> None:
    assert results["ahead"][0] == results["ahead"][1]
    agreed, between_saves = results["ahead"][0]["100"], results["ahead"][0]["3"]
    assert agreed[0] == 1, "nobody knows yet how long a step takes"
    assert max(agreed) == 4, "as many as are made ahead"
    assert sum(agreed) == sum(between_saves) == 10
    assert {3, 6, 9} <= set(accumulate(between_saves)), "a save may take long, and a signal before it is not to wait"
    for saved_after in ("100", "3"):
        assert losses(two_ranks / "ahead" / f"ahead_{saved_after}") == losses(two_ranks / "ahead" / "at_once")


def test_a_signal_is_followed_at_once_where_steps_are_long(results: dict[str, list[Any]]) -> None:
    short, long = results["ahead_of_long_steps"][0]
    assert results["ahead_of_long_steps"] == [[short, long]] * 2
    assert 10 <= short <= 13
    assert long == 10
