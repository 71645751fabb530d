"""Runs on a real S3 server on loopback, read by the same views as files."""

import json
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.synthetic_runs import make_store
from harness import runs
from harness.launch import Refused
from tests.harness.runs.small_store import steps, write_run

pytest.importorskip("moto.server")
pytest.importorskip("pyarrow.fs")

pytestmark = pytest.mark.slow  # the server alone takes seconds to be imported

TOOL = Path(__file__).parents[3] / "tools" / "runs"
VIEWS = ("runs", "configs", "hparams", "metrics", "system", "summaries", "evals", "samples", "events", "checkpoints")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store") / "runs"
    make_store(root, 4, 5)
    path = write_run(root, "it's", rows=steps(3.0, 2.0))
    folder = path / "evals" / "words" / "step_00000002"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text('{"metrics": {"right": 0.5}, "num_rows": 2, "seconds": 1}')
    (folder / "samples.jsonl").write_text('{"id": "a"}\n{"id": "b"}\n')
    (root / "notes").mkdir()
    (root / "notes" / "me.jsonl").write_text('{"event":"tag","t":1,"run":"it\'s","text":"keep"}\n')
    return root


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    from moto.server import ThreadedMotoServer
    from pyarrow.fs import LocalFileSystem, S3FileSystem, copy_files

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"{host}:{port}"
    storage = S3FileSystem(
        access_key="key",
        secret_key="secret",  # noqa: S106 - of a server that lives as long as this test
        endpoint_override=endpoint,
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
    )
    storage.create_dir("bucket")
    copy_files(str(store), "bucket/runs", source_filesystem=LocalFileSystem(), destination_filesystem=storage)
    yield f"s3://key:secret@bucket/runs?endpoint_override={endpoint}&scheme=http&region=us-east-1"
    server.stop()


@pytest.mark.parametrize("index", [False, True])
def test_the_same_views_have_the_same_rows(
    store: Path, address: str, index: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    here, there = runs.open(store, index=False), runs.open(address, index=index)
    for view in VIEWS:
        columns = "* EXCLUDE (path)" if view == "runs" else "*"
        sql = f"SELECT {columns} FROM {view}"  # noqa: S608 - names of our own
        assert sorted(map(str, there.execute(sql).fetchall())) == sorted(map(str, here.execute(sql).fetchall())), view


def test_a_table_takes_one_line_there_too(address: str) -> None:
    table = runs.table(address, ["optimizer.lr"], ["train/loss"], where="list_contains(tags, 'keep')", index=False)
    assert table["train/loss"].tolist() == [2.0]


def test_the_tool_asks_there_too(address: str) -> None:
    asked = ["--sql", "SELECT experiment, train/loss FROM wide WHERE list_contains(tags, 'keep')", "--format", "json"]
    done = subprocess.run([TOOL, "--root", address, *asked], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [{"experiment": "it's", "train/loss": 2.0}]


def test_an_address_that_nothing_knows_is_refused() -> None:
    with pytest.raises(Refused, match="s3://bucket/runs"):
        runs.open("nowhere://bucket/runs")
