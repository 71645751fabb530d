"""One start of a run in this process: what it leaves when all is well, and when it is not."""

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from harness.job import Batch, Job
from harness.launch import Refused
from harness.ranks import Ranks, Timeouts, start_ranks
from harness.record import Experiment
from harness.rows import read
from harness.session import train_session

MakeJob = Callable[..., Job]
TIMEOUTS = Timeouts(start_seconds=60, steady_seconds=60)


@pytest.fixture(autouse=True)
def _not_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "ACCELERATE_MIXED_PRECISION"):
        monkeypatch.delenv(name, raising=False)


def start(build_job: Callable[[Ranks], Job], runs_dir: Path, run_path: Path | None = None) -> None:
    experiment = Experiment(name="small", why="does it start?", config={"seed": 3})
    train_session(
        build_job,
        experiment,
        device="cpu",
        num_threads=1,
        timeouts=TIMEOUTS,
        deterministic=False,
        runs_dir=runs_dir,
        run_path=run_path,
    )


def test_a_run_opens_trains_and_closes(make_job: MakeJob, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start(lambda _ranks: make_job(), tmp_path / "runs")
    assert gc.isenabled()
    (path,) = (tmp_path / "runs").iterdir()
    assert [row["event"] for row in read(path / "events.jsonl")] == ["started", "evaluated", "checkpoint", "finished"]
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("1 process on cpu with 1 thread, fp32; batch of 4 = 1 x 4 per process; ")
    assert said[1] == f"run {path}  (does it start?)"
    assert said == (path / "log.txt").read_text().splitlines()


def test_an_error_is_kept_and_raised_and_the_run_goes_on_later(make_job: MakeJob, tmp_path: Path) -> None:
    def broken_loss(_model: torch.nn.Module, _batch: Batch) -> torch.Tensor:
        raise ArithmeticError("ours")

    with pytest.raises(ArithmeticError, match="ours"):
        start(lambda _ranks: make_job(loss_sum=broken_loss), tmp_path / "runs")
    (path,) = (tmp_path / "runs").iterdir()
    failed = read(path / "events.jsonl")[-1]
    assert (failed["event"], failed["error"]) == ("failed", "ArithmeticError: ours")
    assert "broken_loss" in (path / "error_rank0.txt").read_text()
    start(lambda _ranks: make_job(), tmp_path / "runs", run_path=path)
    assert list((tmp_path / "runs").iterdir()) == [path]
    assert [row["event"] for row in read(path / "events.jsonl")][-4:] == [
        "resumed", "evaluated", "checkpoint", "finished"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", "notes"])
def test_a_run_goes_on_with_the_data_that_it_began_with_and_with_no_other(
    make_job: MakeJob, tmp_path: Path, name: str
) -> None:
    def build(sha256: str) -> Callable[[Ranks], Job]:
        data: dict[str, object] = {"sha256": sha256, "num_files": 2}
        facts = {"precision": "fp32", "data": {name: data, "same": {"sha256": "0" * 64}} if name else data}
        return lambda _ranks: make_job(facts=facts)

    start(build("a" * 64), tmp_path / "runs")
    (path,) = (tmp_path / "runs").iterdir()
    before = (path / "events.jsonl").read_bytes()
    with pytest.raises(Refused, match=rf"the data{' of notes' * bool(name)} are not those .*aaaaaaaa, now bbbbbbbb"):
        start(build("b" * 64), tmp_path / "runs", run_path=path)
    assert (path / "events.jsonl").read_bytes() == before
    start(build("a" * 64), tmp_path / "runs", run_path=path)
    assert read(path / "events.jsonl")[-1]["event"] == "finished"
    (path / "run.json").write_text("")  # as a power cut leaves it: there is nothing to compare with
    start(build("a" * 64), tmp_path / "runs", run_path=path)


def test_what_is_refused_leaves_no_run(make_job: MakeJob, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="batch_size = 4 does not split"):
        start(lambda _ranks: make_job(micro_batch_size=3), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_model_that_no_memory_holds_is_refused(make_job: MakeJob, tmp_path: Path) -> None:
    def build(_ranks: Ranks) -> Job:
        return make_job(model=torch.nn.Linear(2**24, 2**22))  # 256 TiB

    with pytest.raises(
        Refused,
        match=r"the memory does not hold the model \(can.t allocate memory: .* 281474976710656 bytes",
    ):
        start(build, tmp_path / "runs")


def test_a_world_that_was_not_launched_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")  # as a launcher sets it whose processes then do not find each other
    with pytest.raises(Refused, match="2 processes were launched, but 1 would train together"):
        start_ranks(device="cpu", num_threads=1, timeouts=TIMEOUTS, deterministic=False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(Refused, match="torch finds no CUDA device"):
        start_ranks(device="cuda", num_threads=1, timeouts=TIMEOUTS, deterministic=False)
