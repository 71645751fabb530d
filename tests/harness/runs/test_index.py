"""The index holds nothing of its own: it follows the files, and may be broken or deleted at any time."""

import fcntl
import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.synthetic_runs import make_store, run_name
from harness import runs
from harness.runs import index as index_module
from harness.runs.index import KEEP_UNUSED_SECONDS, index_folder
from harness.runs.source import LocalSource
from tests.harness.runs.small_store import FINISHED, steps, write_rows, write_run

SQL = "SELECT run, last, n FROM summaries WHERE key = 'train/loss' ORDER BY run"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_store(tmp_path / "runs", 20, 10)
    return tmp_path / "runs"


def folder_of(root: Path) -> Path:
    return index_folder(LocalSource(root), None)


def same(root: Path) -> None:
    joined = "runs LEFT JOIN summaries USING (run) LEFT JOIN metrics USING (run, key)"
    sql = f"SELECT * EXCLUDE (t, path) FROM {joined} ORDER BY ALL"  # noqa: S608 - names of our own views
    of_index, of_files = (runs.query(root, sql, index=index) for index in (True, False))
    assert str(of_index) == str(of_files)


def test_new_runs_are_taken_in_and_those_that_went_are_gone(root: Path) -> None:
    same(root)
    make_store(root, 5, 10, first=20)
    same(root)
    shutil.rmtree(root / run_name(3))
    (root / ".trash").mkdir()
    (root / run_name(21)).rename(root / ".trash" / run_name(21))
    same(root)
    assert len(runs.query(root, "SELECT run FROM runs", index=True)[1]) == 23
    (root / ".trash" / run_name(21)).rename(root / run_name(21))
    same(root)


def test_nothing_is_written_when_nothing_is_new(root: Path) -> None:
    same(root)
    before = {path: path.stat().st_mtime_ns for path in folder_of(root).rglob("*.parquet")}
    same(root)
    assert {path: path.stat().st_mtime_ns for path in folder_of(root).rglob("*.parquet")} == before


def test_a_closed_run_that_goes_on_is_read_anew(root: Path) -> None:
    same(root)
    path = root / run_name(7)
    rows = steps(0.1, 0.2, first=11, segment=1)
    write_rows(path / "more", rows)
    with (path / "metrics.jsonl").open("a") as file:
        file.write((path / "more").read_text())
    with (path / "events.jsonl").open("a") as file:
        file.write('{"event":"resumed","t":1.0,"seg":1,"step":10}\n')
    same(root)
    with (path / "events.jsonl").open("a") as file:
        file.write('{"event":"finished","t":1.0,"seg":1,"step":12,"reason":"finished"}\n')
    same(root)
    assert {run: n for run, _, n in runs.query(root, SQL, index=True)[1]}[run_name(7)] == 12


def test_rows_of_a_live_run_are_read_from_where_the_last_look_ended(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    path = write_run(root, "live", rows=steps(3.0, 2.0), beat={})
    assert runs.query(root, SQL, index=True)[1] == [("live", 2.0, 2)]
    text = (path / "metrics.jsonl").read_text()
    (path / "metrics.jsonl").write_text(text.replace("3.0", "7.0") + '{"step":3,"t":1,"seg":0,"train/loss":1.0}\n{"st')
    connection = runs.open(root, index=True)  # the first rows are not read again: else the largest would be 7
    assert connection.execute("SELECT last, max, n FROM summaries").fetchall() == [(1.0, 3.0, 3)]
    assert connection.execute("SELECT torn_lines FROM runs").fetchall() == [(1,)]


@pytest.mark.parametrize("name", ["manifest.json", "tails.json", "runs.parquet", "metrics.parquet"])
@pytest.mark.parametrize("how", ["deleted", "garbage", pytest.param("cut", marks=pytest.mark.slow)])
def test_a_broken_index_makes_itself_anew(root: Path, name: str, how: str) -> None:
    same(root)
    (file,) = folder_of(root).rglob(name)
    content = file.read_bytes()
    if how == "deleted":
        file.unlink()
    else:
        file.write_bytes(content[: len(content) // 2] if how == "cut" else b"\xff" * len(content))
    same(root)


@pytest.mark.parametrize("tail", ["x", {}, {"segments": 1, "offset": 0, "torn": 0, "metrics": {"train/loss": {}}}])
def test_tails_of_another_shape_are_read_anew(tmp_path: Path, tail: Any) -> None:
    root = tmp_path / "runs"
    write_run(root, "live", rows=steps(3.0, 2.0), beat={})
    for _ in range(2):
        assert runs.query(root, SQL, index=True)[1] == [("live", 2.0, 2)]
        (folder_of(root) / "tails.json").write_text(json.dumps({"live": tail}))


def test_a_manifest_of_another_shape_is_made_anew(root: Path) -> None:
    same(root)
    file = folder_of(root) / "manifest.json"
    manifest = json.loads(file.read_bytes())
    manifest["parts"][0]["sizes"] = list(manifest["parts"][0]["sizes"])
    file.write_text(json.dumps(manifest))
    same(root)


def test_a_wrong_question_about_parquet_costs_no_index(root: Path) -> None:
    same(root)
    (folder_of(root) / "mark").touch()
    for sql in ("FROM read_parquet('elsewhere.parquet')", "SELECT parquet_rows FROM runs"):
        with pytest.raises(Exception, match="parquet"):
            runs.query(root, sql, index=True)
    assert (folder_of(root) / "mark").exists()


def test_deleting_it_is_safe(root: Path) -> None:
    same(root)
    shutil.rmtree(folder_of(root))
    same(root)


def test_where_it_cannot_be_written_the_files_are_read(root: Path) -> None:
    folder_of(root).parent.mkdir(parents=True)
    folder_of(root).write_text("in the way")
    same(root)


@pytest.mark.slow
def test_parts_stay_few_and_old_ones_go(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for first in range(20, 60, 2):
        make_store(root, 2, 10, first=first)
        runs.query(root, SQL, index=True)
    same(root)
    used = len(index_module._read(folder_of(root)))
    assert used <= 5
    assert len(list(folder_of(root).glob("part-*"))) > used  # somebody may still read them
    later = time.time() + 2 * KEEP_UNUSED_SECONDS
    monkeypatch.setattr(time, "time", lambda: later)
    write_run(root, "last", rows=steps(1.0), events=FINISHED)
    runs.query(root, SQL, index=True)
    assert len(list(folder_of(root).glob("part-*"))) == len(index_module._read(folder_of(root)))


def test_runs_of_many_rows_make_smaller_parts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = runs.query(root, SQL, index=False)
    one_run = (root / run_name(1) / "metrics.jsonl").stat().st_size
    monkeypatch.setattr(index_module, "BYTES_PER_PART", 3 * one_run)
    assert runs.query(root, SQL, index=True) == expected
    assert len(index_module._read(folder_of(root))) > 3


def test_a_long_first_look_says_how_far_it_is(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(index_module, "RUNS_PER_PART", 8)
    assert len(runs.query(root, SQL, index=True)[1]) == 20
    assert capsys.readouterr() == ("", "")  # it took no ten seconds
    index_module.discard(LocalSource(root), None)
    monkeypatch.setattr(index_module, "TELL_EVERY_SECONDS", 0.0)
    runs.query(root, SQL, index=True)
    told = [f"index, made once: {done} of 20 runs" for done in (0, 8, 16)]
    assert capsys.readouterr() == ("", "\n".join(told) + "\n")


def test_who_waits_for_the_index_of_another_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(index_module, "TELL_EVERY_SECONDS", 0.1)
    folder_of(root).mkdir(parents=True)
    with (folder_of(root) / "turn").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        release = threading.Timer(1.0, fcntl.flock, [other, fcntl.LOCK_UN])
        release.start()
        assert len(runs.query(root, SQL, index=True)[1]) == 20
        release.join()
    assert "index: another process makes it; waiting for that\n" in capsys.readouterr().err


def test_an_upgrade_of_another_version_has_an_index_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    write_run(root, "a", events=FINISHED, config={"lr": 1})

    def upgrade(config: dict[str, object]) -> dict[str, object]:
        return {f"optimizer.{key}": value for key, value in config.items()}

    assert "lr" in runs.table(root, ["*"], index=True)
    assert "optimizer.lr" in runs.table(root, ["*"], index=True, upgrade=upgrade)
