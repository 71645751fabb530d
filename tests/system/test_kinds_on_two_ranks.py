"""Kinds of training together on two gloo processes: shards against copies, Muon, averages, fp16."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.ranks import Ranks
from tests.harness.on_two_ranks import let_two_ranks_run, run_in
from tests.system import kinds_on_two_ranks as cases

pytestmark = pytest.mark.slow

ALONE = Ranks(rank=0, num_processes=1, device=torch.device("cpu"), num_threads=1)


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what every case left, and results.json."""
    folder = tmp_path_factory.mktemp("two_ranks")
    let_two_ranks_run(cases.__name__, folder, max_seconds=240)
    return folder


@pytest.fixture
def results(two_ranks: Path) -> dict[str, list[Any]]:
    """{case: [what rank 0 gave, what rank 1 gave]}."""
    found: dict[str, list[Any]] = json.loads((two_ranks / "results.json").read_text())
    return found


def losses(path: Path) -> list[float]:
    """The loss of each step, of the last start that did the step."""
    found = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return list({row["step"]: row["train/loss"] for row in found}.values())


def evaluated(path: Path) -> dict[int, float]:
    """The mean loss of the eval by step."""
    events = [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]
    return {row["step"]: row["metrics"]["eval/mean/loss"] for row in events if row["event"] == "evaluated"}


@pytest.mark.parametrize("optimizer", cases.OPTIMIZERS)
@pytest.mark.parametrize("kind", cases.KINDS)
def test_shards_copies_and_one_process_train_alike(
    results: dict[str, list[Any]], two_ranks: Path, tmp_path: Path, optimizer: str, kind: str
) -> None:
    """With micro-batches, ragged examples, clipping, and an eval of a moving average that keeps its rows."""
    name = f"{optimizer} {kind}"
    job = cases.job_of(ALONE, "ddp", optimizer)
    run_in(tmp_path / "one", job, ALONE)
    first, second = results["kinds"]
    assert first[name] == second[name], "both ranks have the same weights"
    assert len(losses(tmp_path / "one")) == 8
    assert losses(two_ranks / "kinds" / name) == pytest.approx(losses(tmp_path / "one"), rel=1e-5)
    assert list(evaluated(tmp_path / "one")) == [4, 8]
    assert evaluated(two_ranks / "kinds" / name) == pytest.approx(evaluated(tmp_path / "one"), rel=1e-5)
    assert first[name][0] == pytest.approx(cases.weights_of(job), rel=1e-4, abs=1e-5)
    straight, resumed = first[name]
    assert resumed == straight, "a run that was killed ends with the same bits"


def test_every_group_of_a_mesh_has_the_time_outs_of_the_config(results: dict[str, list[Any]]) -> None:
    for at_the_start, steady in results["time_outs"]:
        assert len(steady) == len(at_the_start) > 1
        assert set(at_the_start) == {cases.START_SECONDS}
        assert set(steady) == {cases.STEADY_SECONDS}


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_one_process_goes_on_with_weights_averages_and_momentum_of_two(
    two_ranks: Path, results: dict[str, list[Any]], tmp_path: Path, kind: str
) -> None:
    assert results["half_done"] == [None, None]
    straight, resumed = (cases.job_of(ALONE, kind, "muon") for _ in range(2))
    run_in(tmp_path / "one", straight, ALONE)
    run_in(two_ranks / "half_done" / kind, resumed, ALONE)
    assert losses(two_ranks / "half_done" / kind) == pytest.approx(losses(tmp_path / "one"), rel=1e-5)
    assert cases.weights_of(resumed) == pytest.approx(cases.weights_of(straight), rel=1e-4, abs=1e-5)
    told = [json.loads(row) for row in (two_ranks / "half_done" / kind / "events.jsonl").read_text().splitlines()]
    assert [row["step"] for row in told if row["event"] == "resumed"] == [3]


def test_both_ranks_lower_the_loss_scale_when_one_overflows(
    results: dict[str, list[Any]], two_ranks: Path, tmp_path: Path
) -> None:
    first, second = results["loss_scale"]
    assert first == second
    assert first[0][1] == {"scale": 1024.0, "steps_since_change": 12}
    assert first[1][1] == {"scale": 64.0, "steps_since_change": 6}, "steps 3 to 6 are left out"
    job = cases.overflow_job(ALONE, at=None)
    run_in(tmp_path / "one", job, ALONE)
    assert losses(two_ranks / "loss_scale" / "healthy") == pytest.approx(losses(tmp_path / "one"), rel=2e-3)
    newest = max((two_ranks / "loss_scale" / "overflows" / "checkpoints").iterdir())
    manifest = json.loads((newest / "manifest.json").read_text())
    assert manifest["loss_scale"] == first[1][1]
    assert (manifest["step"], manifest["num_skipped"]) == (12, 0)
