"""Evals: what the model is like while it is measured, and what is kept."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from harness.evals import progress
from harness.evaluate import evaluate_all
from harness.job import Eval, Job, Row
from harness.ranks import Ranks
from harness.rows import read
from harness.run_directory import open_run_directory

MakeJob = Callable[..., Job]


def squares(model: nn.Module, items: Sequence[int]) -> Iterator[Row]:
    """Rows in another order than the items, from a model that must be at rest."""
    assert not model.training
    assert not torch.is_grad_enabled()
    for item in reversed(items):
        yield {"id": f"n{item}", "square": item**2}


def mean_square(rows: Sequence[Row]) -> dict[str, float]:
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    return {"mean_square": sum(row["square"] for row in rows) / len(rows), "num": len(rows)}


def test_rows_and_metrics_are_kept_and_named(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    job = make_job(evals={"small": Eval(items=range(4), rows=squares, metrics=mean_square)}, dropout=0.5)
    run = open_run_directory(tmp_path)
    job.model.train()
    assert evaluate_all(job, alone, run, 7) == {"eval/small/mean_square": 3.5, "eval/small/num": 4.0}
    assert job.model.training
    kept = tmp_path / "evals" / "small" / "step_00000007"
    assert read(kept / "samples.jsonl") == [{"id": f"n{i}", "square": i * i} for i in range(4)]
    result = json.loads((kept / "result.json").read_text())
    assert (result["metrics"], result["num_rows"]) == ({"mean_square": 3.5, "num": 4}, 4)
    (event,) = read(tmp_path / "events.jsonl")
    assert (event["event"], event["step"], event["metrics"]["eval/small/num"]) == ("evaluated", 7, 4.0)


def test_a_long_eval_says_how_far_it_is(
    make_job: MakeJob, alone: Ranks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(evals={"small": Eval(items=range(4), rows=squares, metrics=mean_square)})
    said: list[str] = []
    evaluate_all(job, alone, open_run_directory(tmp_path), 7, say=said.append)
    assert said == []  # it was over at once
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 0.0)
    evaluate_all(job, alone, open_run_directory(tmp_path), 8, say=said.append)
    assert said == [f"  small: {number} of 4 items" for number in (1, 2, 3)]


def test_a_second_evaluation_of_a_step_replaces_the_first(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    job = make_job(evals={"small": Eval(items=range(4), rows=squares, metrics=mean_square)})
    for _ in range(2):
        evaluate_all(job, alone, open_run_directory(tmp_path), 7)
    assert len(read(tmp_path / "evals" / "small" / "step_00000007" / "samples.jsonl")) == 4


def test_metrics_that_are_not_finite_are_kept_as_words(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    broken = Eval(items=range(1), rows=squares, metrics=lambda _rows: {"loss": math.nan, "bits": math.inf})
    values = evaluate_all(make_job(evals={"broken": broken}), alone, open_run_directory(tmp_path), 1)
    assert math.isnan(values["eval/broken/loss"])
    kept = {"loss": "NaN", "bits": "Infinity"}
    assert json.loads((tmp_path / "evals/broken/step_00000001/result.json").read_text())["metrics"] == kept
    assert read(tmp_path / "events.jsonl")[0]["metrics"] == {f"eval/broken/{key}": word for key, word in kept.items()}


@pytest.mark.parametrize(
    ("rows", "complaint"), [([{"id": "a"}], "1 rows for 2 items"), ([{"id": "a"}] * 2, "two rows of one id")]
)
def test_lost_and_doubled_rows_are_our_mistake(
    make_job: MakeJob, alone: Ranks, tmp_path: Path, rows: list[Row], complaint: str
) -> None:
    wrong = Eval(items=range(2), rows=lambda _model, _items: rows, metrics=mean_square)
    with pytest.raises(AssertionError, match=complaint):
        evaluate_all(make_job(evals={"wrong": wrong}), alone, open_run_directory(tmp_path), 1)
