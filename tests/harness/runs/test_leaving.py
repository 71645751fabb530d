"""Runs that leave this store: as Parquet for a database, into mlflow and wandb; read back by those themselves."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from benchmarks.synthetic_runs import hparams, make_store, metric_values, run_name
from harness import runs
from harness.launch import Refused
from harness.runs.backfill import backfill
from harness.runs.export import VIEWS, export

NUM_STEPS = 5
BLOCK = 32_768  # of wandb's files


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "runs"
    make_store(folder, 3, NUM_STEPS)
    return folder


def test_an_export_is_one_set_of_parquet_files_that_loads_by_its_own_sql(root: Path, tmp_path: Path) -> None:
    import duckdb

    folder = export(root, tmp_path / "exported")
    assert sorted(path.stem for path in folder.glob("*.parquet")) == sorted(VIEWS)
    loaded = duckdb.connect()
    loaded.execute((folder / "load.sql").read_text().replace("FROM '", f"FROM '{folder}/"))
    connection = runs.open(root)
    for view in VIEWS:
        sql = f"SELECT * FROM {view}"  # noqa: S608 - names of our own
        assert sorted(map(str, loaded.execute(sql).fetchall())) == sorted(map(str, connection.execute(sql).fetchall()))


def test_an_export_never_writes_into_what_is_there(root: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="exists already"):
        export(root, tmp_path)


def test_an_export_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        export(tmp_path / "nowhere", tmp_path / "exported")
    assert list(tmp_path.iterdir()) == []


def test_only_two_trackers_are_known(root: Path) -> None:
    with pytest.raises(Refused, match="mlflow or wandb"):
        backfill(root, "aim", project="x")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_holds_every_step_and_no_run_twice(root: Path, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert backfill(root, "mlflow", project="study", mlflow_uri=uri, where="number > 0") == [run_name(1), run_name(2)]
    assert backfill(root, "mlflow", project="study", mlflow_uri=uri) == []
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("study").experiment_id
    found = {run.info.run_name: run for run in client.search_runs([experiment])}
    assert sorted(found) == [run_name(1), run_name(2)]
    run = found[run_name(2)]
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in history] == list(
        enumerate(metric_values(2, NUM_STEPS)["train/loss"], start=1)
    )
    assert run.data.params["optimizer.kind"] == "adamw"
    assert run.info.status == "FINISHED"


def wandb_records(file: Path) -> list[Any]:
    """The records of an offline run: LevelDB's log, in the messages of the package itself."""
    from wandb.proto import wandb_internal_pb2

    record: Any = vars(wandb_internal_pb2)["Record"]  # made at import, unknown to a type checker
    content = file.read_bytes()
    assert content[:4] == b":W&B"
    at, piece, found = 7, b"", []
    while at < len(content):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)
        piece += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            found.append(record.FromString(piece))
            piece = b""
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_wandb_gets_a_file_for_each_run_that_holds_every_step(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    sent = backfill(root, "wandb", project="study", wandb_dir=str(tmp_path))
    assert sent == [run_name(1), run_name(2)]
    files = sorted(tmp_path.rglob("*.wandb"))
    assert [file.stem for file in files] == [f"run-{name}" for name in sent]
    records = wandb_records(files[1])
    (run,) = [record.run for record in records if record.WhichOneof("record_type") == "run"]
    assert (run.project, run.display_name, run.notes) == ("study", run_name(2), "does another learning rate help?")
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert {key: value for key, value in config.items() if key != "_wandb"} == hparams(2)
    rows = [
        {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]
    values = metric_values(2, NUM_STEPS)
    assert [row["_step"] for row in rows] == [1, 2, 3, 4, 5]
    assert [{key: row[key] for key in values} for row in rows] == [
        {key: column[at] for key, column in values.items()} for at in range(NUM_STEPS)
    ]
