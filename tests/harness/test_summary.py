"""The summary against the plainest possible computation on the same rows."""

import json
import math
from pathlib import Path

from hypothesis import given, settings
from hypothesis.strategies import dictionaries, floats, lists, sampled_from

from harness.rows import read
from harness.run_directory import RunDirectory, open_run_directory
from harness.summary import Summary

ROWS = lists(dictionaries(sampled_from("abc"), floats(), min_size=1), min_size=1, max_size=30)


@settings(max_examples=50)
@given(ROWS)
def test_last_smallest_and_largest_with_their_first_steps(rows: list[dict[str, float]]) -> None:
    summary = Summary()
    for step, row in enumerate(rows):
        summary.add_row(step, row)
    for key, entry in summary.plain()["metrics"].items():
        column = [(row[key], step) for step, row in enumerate(rows) if key in row]
        finite = [(value, step) for value, step in column if math.isfinite(value)]
        assert (repr(float(entry["last"])), entry["last_step"]) == (repr(column[-1][0]), column[-1][1])
        assert (entry["n"], entry.get("not_finite", 0)) == (len(column), len(column) - len(finite))
        low = min(finite, default=(None, None), key=lambda item: item[0])
        high = max(finite, default=(None, None), key=lambda item: item[0])
        assert (entry["min"], entry["min_step"], entry["max"], entry["max_step"]) == (*low, *high)


def train(run: RunDirectory, steps: range, *, end: str = "") -> None:
    run.event("resumed" if run.segment else "started", step=steps.start)
    for step in range(steps.start + 1, steps.stop + 1):
        run.record_step(step, {"train/loss": 10.0 - step + run.segment / 10, "train/tokens": 7})
        if step % 10 == 0:
            run.event("evaluated", step=step, metrics={"eval/a/bits": 100.0 - step})
    if end:
        run.event(end, step=steps.stop, reason="")
    run.close()


def test_a_closed_run_has_a_summary_with_its_last_evals_and_totals(tmp_path: Path) -> None:
    train(open_run_directory(tmp_path), range(25), end="finished")
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["metrics"]["train/loss"] == {
        "last": -15.0, "last_step": 25, "min": -15.0, "min_step": 25, "max": 9.0, "max_step": 1, "n": 25,
    }  # fmt: skip
    assert summary["evals"] == {"step": 20, "metrics": {"eval/a/bits": 80.0}}
    assert summary["metrics"]["eval/a/bits"]["n"] == 2
    assert (summary["status"], summary["seg"], summary["step"], summary["tokens"]) == ("finished", 0, 25, 175)
    assert 0 <= summary["wall_seconds"] < 60
    assert [row["event"] for row in read(tmp_path / "events.jsonl")][-1] == "finished", "it comes before the last event"


def test_a_run_that_goes_on_is_summed_up_over_all_segments_without_the_rows_it_undid(tmp_path: Path) -> None:
    train(open_run_directory(tmp_path), range(25))  # killed
    assert not (tmp_path / "summary.json").exists()
    train(open_run_directory(tmp_path), range(12, 18), end="stopped")
    train(open_run_directory(tmp_path), range(15, 30), end="finished")
    summary = json.loads((tmp_path / "summary.json").read_text())
    loss = summary["metrics"]["train/loss"]
    assert (loss["n"], summary["tokens"]) == (30, 210)
    assert (loss["last"], loss["min"], loss["max"]) == (10.0 - 30 + 0.2, 10.0 - 30 + 0.2, 9.0)
    assert summary["metrics"]["eval/a/bits"]["n"] == 3, "steps 10, 20 and 30, each once"
    assert (summary["status"], summary["seg"]) == ("finished", 2)


def test_a_run_that_never_trained_has_a_summary_too(tmp_path: Path) -> None:
    run = open_run_directory(tmp_path)
    run.event("failed", error="x")
    run.close()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["status"], summary["step"], summary["metrics"]) == ("failed", 0, {})
