"""The views say what the files say, from the files and from the index alike."""

# ruff: noqa: S608 - names of our own views

import math
import re
from pathlib import Path

import pytest

from benchmarks.synthetic_runs import METRICS, hparams, is_live, make_store, metric_values, run_name
from harness import runs
from harness.launch import Refused
from harness.runs.columns import TYPES
from harness.runs.fresh import ALL
from harness.runs.table import FIRST
from harness.state import state_of
from tests.harness.runs.small_store import FINISHED, steps, write_rows, write_run

NUM_RUNS = 12
NUM_STEPS = 20


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store") / "runs"
    make_store(root, NUM_RUNS, NUM_STEPS)
    return root


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("index", [False, True])
def test_one_line_gives_every_run_with_hparams_final_and_best(store: Path, index: bool) -> None:
    table = runs.table(store, ["optimizer.lr", "seed"], ["train/loss"], index=index).set_index("run")
    assert len(table) == NUM_RUNS
    for number in range(NUM_RUNS):
        row, losses = table.loc[run_name(number)], metric_values(number, NUM_STEPS)["train/loss"]
        assert row["optimizer.lr"] == hparams(number)["optimizer.lr"]
        assert row["seed"] == number % 5
        assert (row["train/loss"], row["train/loss min"], row["train/loss max"]) == (
            losses[-1],
            min(losses),
            max(losses),
        )
        assert row["state"] == ("running" if is_live(number) else "finished")
        assert row["torn_lines"] == is_live(number)


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
def test_every_format_has_the_same_rows(store: Path, kind: str) -> None:
    table = runs.table(store, ["optimizer.*"], ["train/*"], where="number < 5 and optimizer.lr > 0", format=kind)
    assert len(table) == 5
    names = table.column_names if kind == "arrow" else list(table.columns)
    assert names[:8] == [*FIRST, "optimizer.kind", "optimizer.lr"]
    assert "train/z_loss max" in names


def test_files_and_index_give_the_same_views(store: Path) -> None:
    plain, indexed, again = (runs.open(store, index=index) for index in (False, True, True))
    for view in sorted({*ALL, "changes", "lineage", "notes", "ratings"}):
        sql = f"SELECT * FROM {view} ORDER BY ALL"
        assert sorted(map(str, plain.execute(sql).fetchall())) == sorted(map(str, indexed.execute(sql).fetchall())), (
            view
        )
        assert plain.execute(sql).fetchall() == again.execute(sql).fetchall(), view


@pytest.mark.parametrize("index", [False, True])
def test_metrics_hold_every_step_and_those_of_evals(store: Path, index: bool) -> None:
    connection = runs.open(store, index=index)
    for number in (0, 3):
        for key in METRICS:
            sql = "SELECT step, value FROM metrics WHERE run = ? AND key = ? ORDER BY step"
            found = connection.execute(sql, [run_name(number), key]).fetchall()
            assert found == list(enumerate(metric_values(number, NUM_STEPS)[key], start=1))
    evals = "SELECT count(DISTINCT run), min(value), max(step) FROM metrics WHERE key = 'eval/held_out/loss'"
    assert connection.execute(evals).fetchall() == [(NUM_RUNS - 1, 1.5, NUM_STEPS)]


@pytest.mark.parametrize("index", [False, True])
def test_views_have_the_columns_that_are_documented(store: Path, index: bool) -> None:
    page = (Path(__file__).parents[3] / "docs" / "runs.md").read_text()
    connection = runs.open(store, index=index)
    for view in sorted({*TYPES, "changes", "lineage", "notes", "ratings"}):
        line = next(line for line in page.splitlines() if line.startswith(f"| `{view}` |"))
        columns = [name for name, *_ in connection.execute(f"DESCRIBE {view}").fetchall()]
        assert re.findall(r"`(\w+)`", line.split("|")[3]) == columns, view


def test_a_child_says_what_it_changes_against_its_parent(tmp_path: Path) -> None:
    write_run(tmp_path, "01_root-a", experiment="01_root", config={"lr": 1, "model.kind": "gpt", "model.width": 4})
    write_run(
        tmp_path, "01_root-b", events=FINISHED, experiment="01_root", config={"lr": 2, "model.kind": "gpt", "gone": 0}
    )
    write_run(tmp_path, "01_lr_02-c", experiment="01_lr_02", config={"lr": 3, "model.kind": "gpt", "new": [1]})
    connection = runs.open(tmp_path)
    changes = connection.execute(
        "SELECT run, parent_run, key, value, parent_value FROM changes ORDER BY key"
    ).fetchall()
    pair = ("01_lr_02-c", "01_root-b")
    assert changes == [(*pair, "gone", None, "0"), (*pair, "lr", "3", "2"), (*pair, "new", "[1]", None)]


def test_hparams_keep_their_types_and_become_words_where_runs_disagree(tmp_path: Path) -> None:
    first = {"lr": 0.1, "steps": 10, "on": True, "mixed": 3, "none": None, "list": [1, 2], "Case": 1, "case": 2}
    write_run(tmp_path, "a", config=first)
    write_run(tmp_path, "b", config={"lr": 1, "steps": 20, "on": False, "mixed": "three"})
    hparams = runs.open(tmp_path).execute("SELECT * EXCLUDE (run) FROM hparams ORDER BY run").fetchall()
    assert hparams == [(0.1, 10, True, "3", None, "[1, 2]", 1, 2), (1.0, 20, False, "three", None, None, None, None)]


def test_configs_of_older_runs_are_joined_under_the_names_of_today(tmp_path: Path) -> None:
    write_run(tmp_path, "a", config={"optimizer.learning_rate": 0.1})
    write_run(tmp_path, "b", config={"optimizer.lr": 0.2})
    write_run(tmp_path, "c", config={"broken": 1})

    def upgrade(config: dict[str, object]) -> dict[str, object]:
        if "broken" in config:
            raise ValueError("too old")
        return {key.replace("learning_rate", "lr"): value for key, value in config.items()}

    for index in (False, True):
        table = runs.table(tmp_path, ["optimizer.lr"], upgrade=upgrade, index=index)
        assert [*table["optimizer.lr"].fillna(0)] == [0.1, 0.2, 0]
    assert "too old" in runs.open(tmp_path, upgrade=upgrade).execute("SELECT problems FROM runs").fetchall()[2][0]


def test_tags_that_were_taken_back_are_gone_and_looks_are_counted(tmp_path: Path) -> None:
    write_run(tmp_path, "a")
    said = [
        {"event": "tag", "t": 1, "run": "a", "text": "keep"},
        {"event": "tag", "t": 2, "run": "a", "text": "odd"},
        {"event": "untag", "t": 3, "run": "a", "text": "odd"},
        {"event": "looked", "t": 4, "run": "a", "n": 20},
        {"event": "note", "t": 5, "run": "a", "text": "loss spikes"},
    ]
    (tmp_path / "notes").mkdir()
    write_rows(tmp_path / "notes" / "me.jsonl", said)
    (tmp_path / "ratings").mkdir()
    write_rows(tmp_path / "ratings" / "me.jsonl", [{"event": "pair", "t": 1, "a": "x", "b": "y"}])
    connection = runs.open(tmp_path)
    assert connection.execute("SELECT tags, num_notes, num_looked FROM runs").fetchall() == [(["keep"], 1, 20)]
    assert connection.execute("SELECT text FROM notes WHERE event = 'note'").fetchall() == [("loss spikes",)]
    assert connection.execute("SELECT row->>'a' FROM ratings").fetchall() == [("x",)]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hparams": ["optimizer.lrr"]}, "did you mean optimizer.lr?"),
        ({"metrics": ["train/los"]}, "did you mean train/loss?"),
        ({"where": "train/los < 2"}, "did you mean train/loss?"),
        ({"format": "csv"}, "pandas, polars, arrow"),
        ({"hparams": "optimizer.lr"}, "lists of names"),
    ],
)
def test_a_name_that_no_run_has_is_one_clear_error(store: Path, wrong: dict[str, str], said: str) -> None:
    with pytest.raises(Refused) as refused:
        runs.table(store, **wrong)  # type: ignore[arg-type]
    assert said in str(refused.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no directory of runs"):
        runs.open(tmp_path / "nowhere")


def test_a_store_without_runs_has_empty_views(tmp_path: Path) -> None:
    connection = runs.open(tmp_path)
    for view in ALL:
        assert connection.execute(f"SELECT * FROM {view}").fetchall() == []
    assert len(runs.table(tmp_path)) == 0


def test_states_are_those_that_the_harness_derives(tmp_path: Path) -> None:
    stopped = [FINISHED[0], {"event": "preempted", "t": 2, "seg": 0, "step": 1, "reason": "SIGTERM"}]
    write_run(tmp_path, "closed", events=FINISHED, rows=steps(3.0, 2.0, 1.0))
    write_run(tmp_path, "stopped", events=stopped)
    write_run(tmp_path, "again", events=[*stopped, {"event": "resumed", "t": 3, "seg": 1, "step": 1}], beat={"t": 5.0})
    write_run(tmp_path, "alive", beat={})
    write_run(tmp_path, "fresh")
    found: dict[str, str] = dict(runs.query(tmp_path, "SELECT run, state FROM runs")[1])
    assert found == {path.name: state_of(path) for path in tmp_path.iterdir()}
    assert sorted(found.values()) == ["crashed", "finished", "preempted", "running", "running"]


def test_a_value_that_is_no_number_comes_back_as_itself(tmp_path: Path) -> None:
    write_run(tmp_path, "a", rows=steps(1.0, "NaN", "Infinity", "-Infinity", 0.5, "NaN"))
    for index in (False, True):
        connection = runs.open(tmp_path, index=index)
        values = [value for (value,) in connection.execute("SELECT value FROM metrics ORDER BY step").fetchall()]
        assert values[2:5] == [math.inf, -math.inf, 0.5]
        assert [math.isnan(value) for value in values] == [False, True, False, False, False, True]
        (summary,) = connection.execute("SELECT * FROM summaries").fetchall()
        assert math.isnan(summary[2])
        assert summary[3:] == (6, 0.5, 5, 1.0, 1, 6, 4)
