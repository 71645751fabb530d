"""Heartbeats: there from the first moment, regular, cheap, and gone at the close."""

import errno
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.heartbeat import Heartbeat
from harness.rows import RowWriter, read
from harness.system_metrics import SystemMetrics, hardware


def test_the_first_row_is_there_at_once_and_a_last_one_at_the_close(tmp_path: Path) -> None:
    threads = threading.active_count()
    beat = Heartbeat(tmp_path / "s.jsonl", segment=2, sample=lambda: {"a": 1}, period_seconds=0.05)
    first = read(tmp_path / "s.jsonl")
    assert [(row["seg"], row["period"], row["a"]) for row in first] == [(2, 0.05, 1)]
    time.sleep(0.3)
    beat.close()
    rows = read(tmp_path / "s.jsonl")
    assert 4 <= len(rows) <= 8
    assert [row["uptime"] for row in rows] == sorted(row["uptime"] for row in rows)
    assert threading.active_count() == threads
    time.sleep(0.15)
    assert len(read(tmp_path / "s.jsonl")) == len(rows), "no row after the close"


def test_uptime_grows_while_the_clock_goes_backwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    beat = Heartbeat(tmp_path / "s.jsonl", segment=0, sample=dict, period_seconds=0.05)
    time.sleep(0.2)
    beat.close()
    rows = read(tmp_path / "s.jsonl")
    assert len(rows) >= 3
    assert [row["t"] for row in rows] == sorted((row["t"] for row in rows), reverse=True)
    assert [row["uptime"] for row in rows] == sorted(row["uptime"] for row in rows)


def test_a_full_disk_stops_the_rows_and_not_the_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beat = Heartbeat(tmp_path / "s.jsonl", segment=0, sample=dict, period_seconds=0.03)

    def full(_self: RowWriter, _row: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(RowWriter, "write", full)
        time.sleep(0.15)
        num_rows = len(read(tmp_path / "s.jsonl"))
    time.sleep(0.15)
    beat.close()
    assert len(read(tmp_path / "s.jsonl")) > num_rows + 1


def test_a_sample_costs_less_than_a_thousandth_of_its_period() -> None:
    metrics = SystemMetrics()
    metrics.sample()
    started = time.process_time()
    for _ in range(20):
        metrics.sample(step=1, num_steps=1, num_tokens=1)
    assert (time.process_time() - started) / 20 < 0.005


def test_figures_are_those_of_this_process_and_machine() -> None:
    metrics = SystemMetrics()
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass
    row = metrics.sample(step=30, num_steps=10, num_tokens=1000)
    assert row["step"] == 30
    assert 5 < row["system/cpu_percent"] <= 100 * psutil.cpu_count()
    assert row["system/memory_bytes"] == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    assert row["system/tokens_per_second"] == pytest.approx(100 * row["system/steps_per_second"], rel=1e-3)
    assert 10 / 5 < row["system/steps_per_second"] <= 10 / 0.3 + 0.01
    assert not {key for key in metrics.sample(step=30, num_steps=10, num_tokens=1000) if "per_second" in key}


def test_the_hardware_is_named() -> None:
    facts = hardware()
    assert facts["memory_bytes"] == psutil.virtual_memory().total
    assert facts["num_cores"] >= 1
    assert facts["gpus"] == []
    if sys.platform == "linux":
        assert facts["cpu"]
