"""Mirrors against the packages themselves, without a network; and a mirror that fails cannot be felt."""

import json
import math
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.launch import Refused
from harness.mirrors import MirrorPlan, MirrorThread, flat_for_trackers, open_mirrors
from harness.rows import read
from harness.run_directory import open_run_directory

CONFIG = {"optimizer.lr": 0.01, "data.paths": ("a", "b"), "train.clip_norm": math.inf, "x": None, "flag": True, "n": 3}
STEPS = range(1, 41)


def loss(step: int) -> float:
    return 1 / step + 0.125


def mirrored(tmp_path: Path, plan: MirrorPlan) -> tuple[Path, dict[str, Any], list[str]]:
    """A small run with one mirror; its directory, what it says about the mirror, and what the user was told."""
    path = tmp_path / "22_lr_001_23-20261123T171503Z-9f3a"
    path.mkdir()
    run = open_run_directory(path)
    said: list[str] = []
    run.mirrors = open_mirrors({"m": plan}, run, CONFIG, say=said.append)
    for step in STEPS:
        run.record_step(step, {"train/loss": loss(step), "train/tokens": 7})
    run.event("evaluated", step=STEPS[-1], metrics={"eval/a/bits": 2.5})
    run.event("finished", step=STEPS[-1])
    run.close(max_mirror_seconds=120)
    event = next(row for row in read(path / "events.jsonl") if row["event"] == "mirror")
    return path, event, said


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written outside of the test's folder, and nobody is called."""
    for name in ("WANDB_API_KEY", "MLFLOW_TRACKING_URI", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "TRACKIO_DIR", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)


def complete(event: Mapping[str, Any], said: list[str]) -> bool:
    return (event["sent"], event["failed"], event["dropped"], said) == (len(STEPS) + 1, 0, 0, [])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_tensorboard_shows_every_step(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

    path, event, said = mirrored(tmp_path, MirrorPlan(kind="tensorboard"))
    assert complete(event, said), said
    events = EventAccumulator(str(path / "mirrors" / "m" / path.name), size_guidance={"scalars": 0})
    events.Reload()
    assert [(row.step, row.value) for row in events.Scalars("train/loss")] == [
        (step, pytest.approx(loss(step), rel=1e-6)) for step in STEPS
    ]
    assert [(row.step, row.value) for row in events.Scalars("eval/a/bits")] == [(40, 2.5)]
    hparams = next((path / "mirrors").rglob("hparams.yml")).read_text()
    assert "optimizer.lr: 0.01" in hparams


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_every_step_in_its_database(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    settings = {"tracking_uri": f"sqlite:///{database}", "experiment": "e"}
    path, event, said = mirrored(tmp_path, MirrorPlan(kind="mlflow", settings=settings))
    assert complete(event, said), said
    with sqlite3.connect(database) as store:
        rows = store.execute("select step, value from metrics where key = 'train/loss' order by step").fetchall()
        params = dict(store.execute("select key, value from params").fetchall())
        runs = store.execute("select name, status from runs").fetchall()
    assert rows == [(step, loss(step)) for step in STEPS]
    assert runs == [(path.name, "FINISHED")]
    assert (params["optimizer.lr"], params["data.paths"], params["train.clip_norm"]) == ("0.01", '["a", "b"]', "inf")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_wandb_keeps_every_step_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "k" * 40)
    plan = MirrorPlan(kind="wandb", settings={"project": "p", "mode": "offline"}, token_env="MY_KEY")  # noqa: S106 - the name of a variable
    path, event, said = mirrored(tmp_path, plan)
    assert complete(event, said), said
    (store,) = (path / "mirrors" / "m").rglob("*.wandb")
    content = store.read_bytes()
    assert content.count(b"train/loss") >= len(STEPS)
    assert b"optimizer.lr" in content
    kept = [file for file in path.rglob("*") if file.is_file()]
    assert [file.name for file in kept if b"k" * 40 in file.read_bytes()] == [], "the token is nowhere"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_trackio_has_every_step_in_its_database(tmp_path: Path) -> None:
    path, event, said = mirrored(tmp_path, MirrorPlan(kind="trackio", settings={"project": "p"}))
    assert complete(event, said), said
    deadline = time.monotonic() + 20  # it writes in the background
    rows: list[Any] = []
    while len(rows) < len(STEPS) + 1 and time.monotonic() < deadline:
        (database,) = (tmp_path / "home").rglob("p.db")
        with sqlite3.connect(database) as store:
            rows = store.execute("select step, metrics from metrics where run_name = ?", (path.name,)).fetchall()
        time.sleep(0.1)
    losses = {
        step: row["train/loss"] for step, row in ((s, json.loads(text)) for s, text in rows) if "train/loss" in row
    }
    assert losses == {step: loss(step) for step in STEPS}


class Raises:
    """A tracker that raises on every call."""

    def __getattr__(self, name: str) -> Any:
        def call(*_: Any, **__: Any) -> None:
            raise ConnectionError(f"no {name} today")

        return call


class Listens:
    """A tracker that takes what it is told, slowly if asked."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.rows: list[tuple[int, Mapping[str, float]]] = []
        self.ended = False
        self.seconds = seconds

    def store_init_configuration(self, _values: Mapping[str, Any]) -> None:
        time.sleep(self.seconds)

    def log(self, values: Mapping[str, float], step: int) -> None:
        time.sleep(self.seconds)
        self.rows.append((step, values))

    def finish(self) -> None:
        self.ended = True


def offered(tracker: Any, num_rows: int, **settings: Any) -> tuple[MirrorThread, float, list[str]]:
    """A mirror that was offered rows; how long that took in the calling thread, and what was told."""
    told: list[str] = []
    mirror = MirrorThread("m", "test", lambda: tracker, CONFIG, on_failure=told.append, **settings)
    started = time.perf_counter()
    for step in range(num_rows):
        mirror.offer(step, {"a": step})
    return mirror, time.perf_counter() - started, told


def test_a_mirror_that_raises_on_every_call_is_told_of_once_and_costs_nothing() -> None:
    mirror, seconds, told = offered(Raises(), 1000)
    facts = mirror.close(max_seconds=10)
    assert told == ["ConnectionError: no store_init_configuration today"]
    assert seconds < 1
    assert (facts["sent"], facts["failed"] + facts["dropped"]) == (0, 1000)


def test_a_mirror_that_cannot_even_be_opened_is_told_of_once() -> None:
    told: list[str] = []

    def refuse() -> Any:
        raise RuntimeError("no such server")

    mirror = MirrorThread("m", "test", refuse, CONFIG, on_failure=told.append)
    for step in range(10):
        mirror.offer(step, {})
    assert mirror.close(max_seconds=10)["dropped"] == 10
    assert told == ["RuntimeError: no such server"]


def test_a_mirror_that_fails_now_and_then_gets_the_rest() -> None:
    class Stumbles(Listens):
        def log(self, values: Mapping[str, float], step: int) -> None:
            if step % 3 == 0:
                raise OSError("again")
            super().log(values, step)

    tracker = Stumbles()
    mirror, _, told = offered(tracker, 30)
    facts = mirror.close(max_seconds=20)
    assert (facts["sent"], facts["failed"], len(told)) == (20, 10, 1)
    assert [step for step, _ in tracker.rows] == [step for step in range(30) if step % 3]
    assert tracker.ended


def test_rows_beyond_the_bound_are_dropped_and_counted_and_nobody_waits() -> None:
    mirror, seconds, _ = offered(Listens(seconds=0.2), 500, max_waiting_rows=5)
    assert seconds < 0.2
    facts = mirror.close(max_seconds=0.5)
    assert facts["dropped"] >= 490
    assert facts["sent"] + facts["failed"] + facts["dropped"] in (499, 500), "one may be on its way"


def test_a_mirror_that_hangs_does_not_hold_up_the_end() -> None:
    mirror, _, _ = offered(Listens(seconds=60), 3)
    started = time.monotonic()
    assert mirror.close(max_seconds=0.3)["sent"] == 0
    assert time.monotonic() - started < 2


def test_a_mirror_takes_at_most_about_a_tenth_of_the_time() -> None:
    class Computes(Listens):
        def log(self, values: Mapping[str, float], step: int) -> None:
            until = time.thread_time() + 0.01
            while time.thread_time() < until:
                pass
            super().log(values, step)

    tracker = Computes()
    mirror, _, _ = offered(tracker, 1000)
    time.sleep(1.5)
    assert 3 <= len(tracker.rows) <= 16, "0.01 s of work in each 0.1 s"
    mirror.close(max_seconds=0.1)


def test_a_failing_mirror_is_an_event_and_a_line_and_the_run_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.mirrors.open_tracker", lambda *_: Raises())
    path, event, said = mirrored(tmp_path, MirrorPlan(kind="mlflow"))
    assert event["sent"] == 0
    assert len(said) == 1
    assert "training goes on" in said[0]
    alerts = [row for row in read(path / "events.jsonl") if row["event"] == "alert"]
    assert [(alert["kind"], alert["name"]) for alert in alerts] == [("mirror", "m")]
    assert len(read(path / "metrics.jsonl")) == len(STEPS)


def test_a_config_is_flat_and_of_kinds_that_every_tracker_takes() -> None:
    assert flat_for_trackers(CONFIG) == {
        "optimizer.lr": 0.01, "data.paths": '["a", "b"]', "train.clip_norm": "inf", "x": "null", "flag": True, "n": 3,
    }  # fmt: skip


def test_a_missing_token_or_package_is_refused_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_TOKEN", raising=False)
    with pytest.raises(Refused, match=r"log\.mirror\.w\.token_env: the variable MY_TOKEN is not set"):
        MirrorPlan(kind="wandb", token_env="MY_TOKEN").check("w")  # noqa: S106 - as above
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(Refused, match=r"log\.mirror\.w: wandb is not installed\n  help: pip install wandb"):
        MirrorPlan(kind="wandb").check("w")
