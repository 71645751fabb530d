"""Runs that went on after a stop or a kill, and runs of the first layout: one clean line of steps each."""

# ruff: noqa: S608 - names of our own views

import json
from pathlib import Path
from typing import Any

import pytest

from harness import runs
from tests.harness.runs.small_store import steps, write_run


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def started(segment: int, step: int) -> dict[str, Any]:
    return {"event": "resumed" if segment else "started", "t": 1.0, "seg": segment, "step": step}


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("index", [False, True])
def test_a_resumed_run_never_doubles_back(root: Path, index: bool, closed: bool) -> None:
    rows = [
        *steps(1.0, 2.0, 3.0, 4.0, 5.0),
        *steps(30.0, 40.0, 50.0, 60.0, first=3, segment=1),
        *steps(500.0, 600.0, first=5, segment=2),
    ]
    events = [started(0, 0), started(1, 2), started(2, 4)]
    end = [{"event": "finished", "t": 9.0, "seg": 2, "step": 6, "reason": "finished"}]
    write_run(root, "a", rows=rows, events=events + (end if closed else []), beat=None if closed else {"seg": 2})
    values = runs.query(root, "SELECT step, seg, value FROM metrics ORDER BY step", index=index)[1]
    assert values == [(1, 0, 1.0), (2, 0, 2.0), (3, 1, 30.0), (4, 1, 40.0), (5, 2, 500.0), (6, 2, 600.0)]
    (summary,) = runs.query(root, "SELECT last, min, max, max_step, n FROM summaries", index=index)[1]
    assert summary == (600.0, 1.0, 600.0, 6, 6)


@pytest.mark.parametrize("index", [False, True])
def test_a_resume_from_further_back_than_the_last_one_undoes_both(root: Path, index: bool) -> None:
    rows = [*steps(1.0, 2.0, 3.0), *steps(30.0, 40.0, first=3, segment=1), *steps(200.0, first=2, segment=2)]
    write_run(root, "a", rows=rows, events=[started(0, 0), started(1, 2), started(2, 1)], beat={"seg": 2})
    values = runs.query(root, "SELECT step, value FROM metrics ORDER BY step", index=index)[1]
    assert values == [(1, 1.0), (2, 200.0)]


@pytest.mark.parametrize("index", [False, True])
def test_a_resume_that_has_written_nothing_yet_has_undone_all_the_same(root: Path, index: bool) -> None:
    write_run(root, "a", rows=steps(1.0, 2.0, 3.0), events=[started(0, 0), started(1, 2)], beat={"seg": 1})
    assert runs.query(root, "SELECT max(step) FROM metrics", index=index)[1] == [(2,)]


@pytest.mark.parametrize("index", [False, True])
def test_evals_and_checkpoints_that_were_undone_are_left_out(root: Path, index: bool) -> None:
    events: list[dict[str, Any]] = [started(0, 0)]
    for segment, step in ((0, 2), (0, 4), (1, 3)):
        if segment == 1:
            events.append(started(1, 2))
        events.append({"event": "evaluated", "t": 1, "seg": segment, "step": step, "metrics": {"eval/e/x": step * 1.0}})
        events.append({"event": "checkpoint", "t": 1, "seg": segment, "step": step, "path": f"step_{step}"})
    path = write_run(root, "a", events=events, beat={"seg": 1})
    for step in (2, 3, 4):
        folder = path / "evals" / "e" / f"step_{step:08}"
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(json.dumps({"metrics": {"x": step}, "num_rows": 1, "seconds": 0.1}))
        (folder / "samples.jsonl").write_text(json.dumps({"id": f"s{step}", "text": "<b>"}) + '\n{"id": "to')
    connection = runs.open(root, index=index)
    for view in ("evals", "checkpoints", "samples", "metrics"):
        assert connection.execute(f"SELECT step FROM {view} ORDER BY step").fetchall() == [(2,), (3,)], view
    assert connection.execute("SELECT row->>'text' FROM samples WHERE id = 's2'").fetchall() == [("<b>",)]


@pytest.mark.parametrize("index", [False, True])
def test_a_summary_of_an_earlier_stop_is_not_believed(root: Path, index: bool) -> None:
    stopped = {"event": "stopped", "t": 2, "seg": 0, "step": 2, "reason": "SIGTERM"}
    entry = {"last": 2.0, "last_step": 2, "min": 1.0, "min_step": 1, "max": 2.0, "max_step": 2, "n": 2}
    summary = {"seg": 0, "step": 2, "metrics": {"train/loss": entry}}
    rows = [*steps(1.0, 2.0), *steps(0.5, first=3, segment=1)]
    write_run(root, "a", rows=rows, events=[started(0, 0), stopped, started(1, 2)], summary=summary, beat={"seg": 1})
    assert runs.query(root, "SELECT last, min, n FROM summaries", index=index)[1] == [(0.5, 0.5, 3)]


@pytest.mark.parametrize("index", [False, True])
def test_the_first_layout_counted_from_0_and_reads_the_same(root: Path, index: bool) -> None:
    events = [
        started(0, 0),
        {"event": "stopped", "t": 2, "seg": 0, "step": 3, "reason": "stopped"},
        started(1, 2),
        {"event": "finished", "t": 9, "seg": 1, "step": 4, "reason": "finished"},
    ]
    rows = [*steps(1.0, 2.0, 3.0, first=0), *steps(30.0, 40.0, first=2, segment=1)]
    write_run(root, "old", rows=rows, events=events)
    values = runs.query(root, "SELECT step, value FROM metrics ORDER BY step", index=index)[1]
    assert values == [(1, 1.0), (2, 2.0), (3, 30.0), (4, 40.0)]
    assert runs.query(root, "SELECT state, step FROM runs", index=index)[1] == [("finished", 4)]
