"""Every trap that stores of runs have been seen to fall into, with real files."""

# ruff: noqa: S608 - names of our own views

import ast
import json
import multiprocessing
import os
import shutil
from pathlib import Path

import pytest

from harness import runs
from harness.analysis.wide import ask, choose
from harness.runs.columns import TYPES
from tests.harness.runs.small_store import FINISHED, steps, write_rows, write_run

ROOT = Path(__file__).parents[3]
ROW = b'{"step":%d,"t":1.5,"seg":0,"train/loss":%d}\n'


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def losses(root: Path, *, index: bool = False) -> list[tuple[int, float]]:
    sql = "SELECT step, value FROM metrics WHERE key = 'train/loss' ORDER BY step"
    return [(step, value) for step, value in runs.query(root, sql, index=index)[1]]


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize(
    ("bytes_between", "num_torn"),
    [
        (b'{"step":2,"t":1.\n', 1),
        (b"\0" * 5_000 + b"\n", 1),
        (b"\x80\xff\xfe\n", 1),
        (b'[1,2]\n7\n"x"\nnull\n', 4),
        (b"\n\n", 0),
    ],
)
def test_lines_that_are_no_rows_are_left_out_and_counted(
    root: Path, bytes_between: bytes, num_torn: int, index: bool
) -> None:
    resumed = [*FINISHED, {"event": "resumed", "t": 10, "seg": 1, "step": 1}, {"event": "finished", "t": 11, "seg": 1}]
    path = write_run(root, "a", events=resumed)
    second = ROW.replace(b'"seg":0', b'"seg":1')
    (path / "metrics.jsonl").write_bytes(ROW % (1, 5) + bytes_between + second % (2, 4))
    assert losses(root, index=index) == [(1, 5.0), (2, 4.0)]
    assert runs.table(root, metrics=["train/loss"], index=index)["torn_lines"].tolist() == [num_torn]


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize("name", ["metrics.jsonl", "events.jsonl", "system.jsonl"])
def test_a_torn_last_line_is_counted_and_all_before_it_is_read(root: Path, name: str, index: bool) -> None:
    path = write_run(root, "a", rows=steps(3.0, 2.0), beat={"step": 2})
    with (path / name).open("ab") as file:
        file.write(b'{"event":"finished","step":9999,"t":1')
    assert losses(root, index=index) == [(1, 3.0), (2, 2.0)]
    table = runs.table(root, metrics=["train/loss"], index=index)
    assert table[["torn_lines", "state", "train/loss"]].values.tolist() == [[1, "running", 2.0]]


def test_a_line_without_end_costs_its_file_and_no_other(root: Path) -> None:
    write_run(root, "a", rows=steps(1.0))
    path = write_run(root, "b", events=FINISHED, rows=steps(2.0))
    with (path / "metrics.jsonl").open("ab") as file:
        file.write(b"x" * 40_000_000 + b"\n")
    for index in (False, True):
        assert losses(root, index=index) == [(1, 1.0)]
        problems = runs.query(root, "SELECT problems FROM runs ORDER BY run", index=index)[1]
        assert problems == [(None,), ("metrics.jsonl: cannot be read",)]


CONTENTS = [b"", b"{", b"[]", b"\0" * 99, b'{"metrics":3,"seg":"x","step":[1]}\n', None]
FILES = ["run.json", "config.json", "summary.json", "events.jsonl", "metrics.jsonl"]


@pytest.mark.parametrize("index", [False, True])
def test_a_broken_file_is_a_problem_of_its_run_alone(root: Path, index: bool) -> None:
    write_run(root, "sound", events=FINISHED, rows=steps(3.0, 2.0, 1.0), config={"lr": 1})
    for name in FILES:
        for at, content in enumerate(CONTENTS):
            run = f"{name} {at}"
            path = write_run(
                root, run, events=FINISHED, rows=steps(9.0), config={"lr": 2}, summary={"seg": 0, "metrics": {}}
            )
            (path / name).unlink()
            if content is None:
                (path / name).mkdir()
            else:
                (path / name).write_bytes(content)
    table = runs.table(root, ["lr"], ["train/loss"], index=index).set_index("run")
    assert table.loc["sound", ["state", "lr", "train/loss"]].tolist() == ["finished", 1, 1.0]
    assert len(table) == 1 + len(FILES) * len(CONTENTS)
    connection = runs.open(root, index=index)
    for view in ("metrics", "configs", "events", "summaries", "samples"):
        connection.execute(f"SELECT count(*) FROM {view}").fetchall()
    told = dict(connection.execute("SELECT run, problems FROM runs").fetchall())
    assert "run.json: not JSON" in told["run.json 1"]
    assert "config.json: no JSON object" in told["config.json 2"]
    assert "Is a directory" in told["events.jsonl 5"]
    assert told["sound"] is None


def test_odd_values_are_null_and_never_fail(root: Path) -> None:
    odd = {"step": 1, "t": "late", "seg": None, "train/loss": "low", "x": True, "y": [1], "z": 2}
    write_run(
        root,
        "a",
        rows=[odd],
        events=[{"event": 7, "t": "x", "seg": [], "step": 2**70}, {"event": "evaluated", "metrics": [1], "step": 1}],
        config={"half": "\ud800", "huge": 2**80},
        created=12,
        num_parameters="many",
        why={"not": "words"},
        command="train",
        fingerprints=[],
        code="x",
    )
    connection = runs.open(root)
    assert connection.execute("SELECT key, value FROM metrics ORDER BY key").fetchall()[-2:] == [("x", 1.0), ("z", 2.0)]
    assert connection.execute("SELECT num_parameters, why FROM runs").fetchall() == [(None, '{"not": "words"}')]
    assert connection.execute("SELECT huge FROM hparams").fetchall() == [(2.0**80,)]


def test_keys_that_differ_in_case_alone_stay_apart(root: Path) -> None:
    row = {"step": 1, "t": 1.0, "seg": 0, "train/Loss": 1.0, "train/loss": 2.0, "quo\"te's~1/": 3.0}
    write_run(root, "a", rows=[row])
    for index in (False, True):
        found = runs.query(root, "SELECT key, value FROM metrics ORDER BY value", index=index)[1]
        assert found == [("train/Loss", 1.0), ("train/loss", 2.0), ("quo\"te's~1/", 3.0)]


def test_a_table_keeps_metrics_apart_that_differ_in_case_alone(root: Path) -> None:
    write_run(root, "a", rows=[{"step": 1, "t": 1.0, "seg": 0, "train/Loss": 1.0, "train/loss": 2.0, 'm/a"b': 3.0}])
    metrics, condition = ["train/Loss", "train/loss"], 'train/loss = 2 and train/Loss = 1 and "train/loss max" = 2'
    for where in (None, condition):
        (found,) = runs.table(root, metrics=metrics, where=where, format="arrow").to_pylist()
        assert [found[name] for name in ("train/Loss", "train/loss (2)", "train/loss max (2)")] == [1.0, 2.0, 2.0]
    (found,) = runs.table(root, metrics=["train/loss"], where="train/Loss = 1", format="arrow").to_pylist()
    assert found["train/loss"] == 2.0
    store = runs.open(root)
    assert ask(store, "SELECT train/Loss, train/loss, \"train/loss min\" FROM wide")[1] == [(1.0, 2.0, 2.0)]
    assert ask(store, 'SELECT "m/a""b" FROM wide')[1] == [(3.0,)]
    assert choose(store, where="train/loss = 2 and train/Loss = 1", sort=None, limit=None)[0] == ["a"]


def test_what_no_database_can_say_costs_no_run_but_its_own_rows(root: Path) -> None:
    keys = {"half\ud800": 1.0, "nul\0": 2.0, "": 3.0, "bell\x07": 4.0}
    numbers = dict.fromkeys(("last", "last_step", "min", "min_step", "max", "max_step", "n"), 1)
    odd = write_run(
        root,
        "odd",
        rows=[{"step": 1, "t": 1.0, "seg": 0, **keys}],
        events=FINISHED,
        config={**keys, "run": 5, "RUN": 6, "text": "\ud83d \0"},
        summary={"seg": 0, "step": 1, "metrics": dict.fromkeys(keys, numbers)},
        why="\udfff",
    )
    with (odd / "events.jsonl").open("a") as events:
        events.write('{"a":' * 5_000 + "1" + "}" * 5_000 + "\n")  # deeper than Python reads
    folder = odd / "evals" / "e" / "step_00000001"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps({"metrics": {"m\ud800": 1.0}}))
    write_rows(folder / "samples.jsonl", [{"id": "\ud800"}, {"id": "nul\0"}, {"id": "sound"}])
    write_run(root, "open", rows=[{"step": 1, "t": 1.0, "seg": 0, **keys}])
    write_run(root, "sound", rows=steps(1.0), events=FINISHED, config={"lr": 0.1})
    os.mkdir(os.fsencode(root) + b"/no\xfftext")
    for index in (False, True, True):
        con = runs.open(root, index=index)
        for view in (*TYPES, "hparams", "lineage", "changes", "notes", "ratings"):
            assert isinstance(con.execute(f"FROM {view}").fetchall(), list)
        (hparams,) = con.execute("""SELECT "half?", "nul?", "?", "run (2)", "RUN (3)", text FROM hparams
                                    WHERE run = 'odd'""").fetchall()
        assert hparams == (1.0, 2.0, 3.0, 5, 6, "? ?")
        assert con.execute("SELECT run, lr FROM hparams WHERE lr IS NOT NULL").fetchall() == [("sound", 0.1)]
        assert con.execute("SELECT value FROM metrics WHERE run = 'sound'").fetchall() == [(1.0,)]
        assert con.execute("SELECT why, torn_lines FROM runs WHERE run = 'odd'").fetchall() == [("?", 1)]
        assert ("sound",) in con.execute("SELECT id FROM samples").fetchall()


def test_names_of_runs_may_hold_what_sql_and_globs_read_otherwise(root: Path) -> None:
    for name in ("it's", "a[1]", "b*", 'quo"te', "with space", "ü"):
        write_run(root, name, rows=steps(1.0), events=FINISHED)
    for index in (False, True):
        assert len(losses(root, index=index)) == 6


def test_a_directory_without_a_record_is_no_run_yet(root: Path) -> None:
    (root / "half").mkdir(parents=True)
    (root / "more").mkdir()
    (root / "more" / "config.json").write_text("{}")
    (root / ".trash" / "old").mkdir(parents=True)
    write_run(root, "a")
    (root / "a_file").write_text("")
    (root / "to_nowhere").symlink_to(root / "nothing")
    for index in (False, True):
        assert runs.table(root, index=index)["run"].tolist() == ["a"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_told(root: Path) -> None:
    path = write_run(root, "a", rows=steps(1.0))
    (path / "metrics.jsonl").chmod(0)
    assert losses(root) == []
    assert runs.open(root).execute("SELECT problems FROM runs").fetchall() == [("metrics.jsonl: Permission denied",)]


def test_a_clock_that_goes_back_changes_nothing(root: Path) -> None:
    rows = [{"step": step, "t": 1000.0 - step, "seg": 0, "train/loss": float(step)} for step in range(1, 6)]
    events = [
        {"event": "started", "t": 5000.0, "seg": 0, "step": 0},
        {"event": "finished", "t": 10.0, "seg": 0, "step": 5, "reason": "finished"},
    ]
    write_run(root, "a", rows=rows, events=events)
    for index in (False, True):
        (found,) = runs.query(root, "SELECT last, last_step FROM summaries", index=index)[1]
        assert found == (5.0, 5)
        assert runs.query(root, "SELECT state, seconds FROM runs", index=index)[1] == [("finished", 0.0)]


def test_a_run_that_vanishes_after_the_names_were_read_is_not_there(root: Path) -> None:
    for name in "abc":
        write_run(root, name, rows=steps(1.0), events=FINISHED)
    connection = runs.open(root, index=False)
    shutil.rmtree(root / "b")
    assert connection.execute("SELECT count(*) FROM runs").fetchall() == [(3,)]
    assert len(losses(root)) == 2


def read_many_times(root: str, barrier: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    for _ in range(3):
        assert len(runs.table(root, metrics=["train/loss"], index=True)) == 30


@pytest.mark.slow
def test_readers_do_not_lock_each_other_out(root: Path) -> None:
    for number in range(30):
        write_run(root, f"run{number}", rows=steps(1.0, 2.0), events=FINISHED)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    processes = [context.Process(target=read_many_times, args=(str(root), barrier)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert not list(root.rglob("*.parquet"))


def test_only_one_module_knows_duckdb_and_its_package_is_asked_of_it_alone() -> None:
    users = {
        file.name
        for file in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.Import)
        and any(alias.name == "duckdb" for alias in node.names)
        and not _is_for_types(file, node)
    }
    assert users == {"duck.py"}


def _is_for_types(file: Path, node: ast.Import) -> bool:
    line = file.read_text().splitlines()[node.lineno - 2]
    return "TYPE_CHECKING" in line


def test_files_are_named_and_columns_declared_so_that_nothing_is_guessed() -> None:
    sql = "".join(file.read_text() for file in (ROOT / "src" / "harness" / "runs").glob("*.py"))
    assert "read_json_auto" not in sql
    assert all(word not in sql for word in ("*.jsonl'", '*.json"', "/*/"))
