"""The study page says what the run directories say."""

import json
from pathlib import Path

import pytest

from harness.study import finished_runs, study_page


def write_run(
    root: Path, experiment: str, stamp: str, *, bits: float, config: dict[str, object], ends: bool = True
) -> None:
    run = root / f"{experiment}-{stamp}-0000"
    run.mkdir(parents=True)
    data = {"sha256": "ab" * 32, "num_files": 3, "num_train_bytes": 1000, "num_held_out_bytes": 50}
    facts = {"experiment": experiment, "why": f"why {experiment}", "num_parameters": 7, "data": data}
    (run / "run.json").write_text(json.dumps({**facts, "num_processes": 1, "num_threads": 2}))
    (run / "config.json").write_text(json.dumps({key: {"value": value} for key, value in config.items()}))
    metrics = {"eval/held_out/bits_per_byte": bits, "eval/held_out/gzip_bits_per_byte": 1.9}
    metrics |= {"eval/held_out/xz_bits_per_byte": 1.6, "eval/completions/parse_rate": 0.25}
    events = [{"event": "started", "t": 0.0}, {"event": "evaluated", "t": 80.0, "metrics": metrics}]
    events += [{"event": "finished", "t": 90.0}] if ends else []
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


def test_the_page_has_the_newest_finished_run_of_each_experiment(tmp_path: Path) -> None:
    old = {"optimizer.lr": 0.01, "optimizer.kind": "adamw", "seed": 1}
    write_run(tmp_path, "01_baseline", "20260101T000000Z", bits=2.5, config=old)
    write_run(tmp_path, "01_baseline", "20260102T000000Z", bits=2.25, config=old)
    write_run(tmp_path, "01_baseline", "20260103T000000Z", bits=9.0, config=old, ends=False)
    muon = {"optimizer.lr": 0.02, "optimizer.kind": "muon", "seed": 1}
    write_run(tmp_path, "01_muon_02", "20260101T000000Z", bits=2.125, config=muon)
    write_run(tmp_path, "01_muon_02+cpu_debug", "20260101T000000Z", bits=1.0, config=muon)
    page = study_page(finished_runs(tmp_path))
    assert "| 01_baseline |  | 2.250 |  | 25% | 7 | 1.5 |" in page
    assert "| 01_muon_02 | `optimizer.kind` adamw → muon | **2.125** | -0.125 | 25% | 7 | 1.5 |" in page
    assert "01 baseline  2.250\n└─ 02 muon   2.125 best" in page
    assert "gzip -9 needs 1.900, xz -9e 1.600" in page
    assert "9.0" not in page


def test_an_empty_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no finished run"):
        study_page(finished_runs(tmp_path))
