"""Run directories: their names, their segments, and that none is ever taken twice."""

import re
import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.rows import read
from harness.run_directory import create_run_directory, is_run_directory, open_run_directory


def test_a_name_is_the_experiment_the_utc_time_and_four_hex_digits(tmp_path: Path) -> None:
    path = create_run_directory(tmp_path / "new" / "runs", "22_lr_001_23+cpu_debug")
    match = re.fullmatch(r"22_lr_001_23\+cpu_debug-(\d{8}T\d{6})Z-[0-9a-f]{4}", path.name)
    assert match
    made = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=1)
    assert path.is_dir()
    assert not any(path.iterdir())


def test_an_existing_directory_is_never_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = iter(["aaaa", "aaaa", "bbbb", *["aaaa"] * 1000])
    monkeypatch.setattr(secrets, "token_hex", lambda _num_bytes: next(digits))
    monkeypatch.setattr(time, "gmtime", lambda: time.struct_time((2026, 1, 2, 3, 4, 5, 4, 2, 0)))
    names = [create_run_directory(tmp_path, "x").name for _ in range(2)]
    assert names == ["x-20260102T030405Z-aaaa", "x-20260102T030405Z-bbbb"]
    with pytest.raises(OSError, match="no free name"):
        create_run_directory(tmp_path, "x")


def test_a_file_where_the_runs_should_go_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("mine")
    with pytest.raises(OSError, match="runs"):
        create_run_directory(tmp_path / "runs", "x")


def test_the_event_of_a_checkpoint_has_the_bytes_of_all_its_files_in_shards_too(tmp_path: Path) -> None:
    shards = tmp_path / "checkpoints" / "step_00000001" / "shards"
    shards.mkdir(parents=True)
    (shards / "__0_0.distcp").write_bytes(bytes(70_000))
    (shards.parent / "manifest.json").write_text('{"sha256": "ab"}')
    run = open_run_directory(tmp_path)
    run.event("checkpoint", step=1, path="step_00000001")
    run.close()
    (event,) = read(tmp_path / "events.jsonl")
    assert (event["sha256"], event["bytes"]) == ("ab", 70_000 + len('{"sha256": "ab"}'))


def test_the_segment_counts_the_starts(tmp_path: Path) -> None:
    for segment, kind in enumerate(["started", "resumed", "resumed"]):
        run = open_run_directory(tmp_path)
        assert run.segment == segment
        run.event(kind, step=segment)
        run.event("checkpoint", step=segment + 1, path="step_00000001")
        run.record_step(segment, {"train/loss": 0.5})
        run.close()
        with (tmp_path / "events.jsonl").open("a") as file:
            file.write('{"event":"resu')  # as a kill leaves it
    assert [(row["event"], row["seg"], row["step"]) for row in read(tmp_path / "events.jsonl")] == [
        ("started", 0, 0),
        ("checkpoint", 0, 1),
        ("resumed", 1, 1),
        ("checkpoint", 1, 2),
        ("resumed", 2, 2),
        ("checkpoint", 2, 3),
    ]
    assert [(row["step"], row["seg"], row["train/loss"]) for row in read(tmp_path / "metrics.jsonl")] == [
        (0, 0, 0.5),
        (1, 1, 0.5),
        (2, 2, 0.5),
    ]


def test_a_run_killed_before_its_start_was_recorded_starts_at_segment_0(tmp_path: Path) -> None:
    open_run_directory(tmp_path).close()
    assert open_run_directory(tmp_path).segment == 0


def test_a_run_is_known_by_its_record(tmp_path: Path) -> None:
    assert not is_run_directory(tmp_path)
    assert not is_run_directory(tmp_path / "missing")
    (tmp_path / "run.json").write_text("{}")
    assert is_run_directory(tmp_path)
    assert not is_run_directory(tmp_path / "run.json")
