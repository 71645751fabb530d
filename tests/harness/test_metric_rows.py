"""Rows of metrics: what is written reads back the same, and the short way writes what the json module would."""

import json
import math
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import dictionaries, floats, integers, lists, text

from harness.metric_rows import MAX_KEPT_ROWS, MetricWriter
from harness.rows import read
from harness.summary import Summary

KEYS = text(max_size=12).filter(lambda key: key not in ("step", "t", "seg"))
NUMBERS = floats() | integers(-(2**60), 2**60)


def written(path: Path, rows: list[dict[str, float]], *, seconds: float | None = None) -> list[dict[str, Any]]:
    path.unlink(missing_ok=True)
    writer = MetricWriter(path, segment=3, summary=Summary())
    for step, row in enumerate(rows):
        writer.write(step, row, seconds)
    writer.close()
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


@settings(max_examples=30)
@given(rows=lists(dictionaries(KEYS, NUMBERS, max_size=5), max_size=6))
def test_every_number_reads_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, float]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "metrics.jsonl"
    for step, (row, back) in enumerate(zip(rows, written(path, rows), strict=True)):
        assert (back.pop("step"), back.pop("seg")) == (step, 3)
        assert abs(back.pop("t") - time.time()) < 60
        assert {key: float(value) for key, value in back.items()} == pytest.approx(row, rel=0, abs=0, nan_ok=True)
        assert all(type(back[key]) is type(row[key]) for key in row if math.isfinite(row[key]))


def test_the_line_is_what_json_writes_without_blanks(tmp_path: Path) -> None:
    row = {"train/loss": 2.31, 'odd "key" ß\n': -1e-300, "n": 2**53 + 1, "zero": -0.0}
    written(tmp_path / "m", [row], seconds=1_790_000_000.0074999)
    whole = {"step": 0, "t": 1_790_000_000.007, "seg": 3, **row}
    assert (tmp_path / "m").read_text("utf-8") == json.dumps(whole, ensure_ascii=False, separators=(",", ":")) + "\n"


def test_a_clock_before_1970_or_at_its_start_still_makes_json(tmp_path: Path) -> None:
    assert [row["t"] for row in written(tmp_path / "m", [{"a": 1.0}], seconds=0.005)] == [0.005]
    assert len(written(tmp_path / "m", [{"a": 1.0}], seconds=-0.005)) == 1


def test_what_is_not_finite_is_a_word_and_is_reported(tmp_path: Path) -> None:
    writer = MetricWriter(tmp_path / "m", segment=0, summary=Summary())
    assert writer.write(1, {"a": 1.0})
    assert not writer.write(2, {"a": math.nan, "b": 1.0})
    assert not writer.write(3, {"a": math.inf, "b": -math.inf})
    assert writer.write(4, {"a": 1e308, "b": 1e308}), "their sum is infinite, they are not"
    writer.close()
    assert [(row["a"], row.get("b")) for row in read(tmp_path / "m")] == [
        (1.0, None), ("NaN", 1.0), ("Infinity", "-Infinity"), (1e308, 1e308),
    ]  # fmt: skip


@pytest.mark.parametrize("value", [True, np.float64(0.1), np.float32(0.5), np.int64(3)])
def test_other_numbers_are_written_as_numbers(tmp_path: Path, value: float) -> None:
    assert written(tmp_path / "m", [{"a": value}])[0]["a"] == float(value)


@pytest.mark.parametrize("value", [True, False, Fraction(1, 2), np.float64(0.1), np.float32(0.5), np.int64(3)])
def test_a_key_may_turn_to_another_kind_of_number(tmp_path: Path, value: float) -> None:
    rows: list[dict[str, float]] = [{"a": 1.5, "b": 2.0}, {"a": value, "b": 2.0}, {"a": 2.0, "b": value}]
    assert [(row["a"], row["b"]) for row in written(tmp_path / "m", rows)] == [
        (1.5, 2.0), (float(value), 2.0), (2.0, float(value)),
    ]  # fmt: skip


def test_keys_with_capital_letters_are_kept(tmp_path: Path) -> None:
    assert written(tmp_path / "m", [{"eval/TriviaQA": 0.5}] * 2)[1]["eval/TriviaQA"] == 0.5


@pytest.mark.parametrize("value", ["2.5 apples", None, [1.0]])
def test_what_is_no_number_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        written(tmp_path / "m", [{"a": value}])


def test_a_row_is_in_the_file_when_write_returns_and_in_the_summary_after_fold(tmp_path: Path) -> None:
    summary = Summary()
    writer = MetricWriter(tmp_path / "m", segment=0, summary=summary)
    for step in range(MAX_KEPT_ROWS + 10):
        writer.write(step, {"a": float(step)} if step % 2 else {"a": float(step), "b": 1})
        assert step > 20 or len(read(tmp_path / "m")) == step + 1
    writer.fold()
    entry = summary.plain()["metrics"]["a"]
    assert (entry["n"], entry["last"], entry["min"], entry["max"]) == (1010, 1009.0, 0.0, 1009.0)
    assert summary.plain()["metrics"]["b"]["n"] == 505


def test_a_thousand_rows_of_ten_metrics_take_a_quarter_of_a_megabyte(tmp_path: Path) -> None:
    """Keys and values as in the measurements of peers: benchmarks/store_write.py."""
    rows = [
        {"loss": 4.0 / (1 + i * 0.01) + 0.1234567, "lr": 3e-4 * (1 - i / 1e6), "grad_norm": 1.0 + (i % 7) * 0.013,
         "tok_per_s": 12345.6 + i % 100, "mfu": 0.41, "step_s": 0.1034 + (i % 5) * 1e-4,
         "val_loss": 3.9 / (1 + i * 0.01), "acc": 0.5 + i * 1e-6, "mem_gib": 61.25, "z_loss": 1e-4 * (i % 13)}
        for i in range(1000)
    ]  # fmt: skip
    written(tmp_path / "m", rows)
    assert (tmp_path / "m").stat().st_size <= 250_000
