"""The first and the last lines of a run."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from harness import report
from harness.job import Job
from harness.loop import Ended
from harness.ranks import Ranks
from harness.rows import RowWriter
from harness.run_directory import open_run_directory
from harness.split import split_batch
from tests.harness.analysis.stores import write_run

MakeJob = Callable[..., Job]


def test_the_first_line_says_what_really_runs(make_job: MakeJob) -> None:
    job = make_job(num_steps=12_000)
    ranks = Ranks(rank=0, num_processes=2, device=torch.device("cpu:0"), num_threads=3)
    line = report.start_line(job, ranks, split_batch(batch_size=12, num_processes=2, micro_batch_size=2))
    num = 11 * 6 + 6 * 11 + 11
    assert line == (
        f"2 processes on cpu with 3 threads, fp32; batch of 12 = 3 x 2 per process; {num} parameters; 12,000 steps"
    )


def test_shared_parameters_count_once(make_job: MakeJob) -> None:
    model = nn.Sequential(nn.Embedding(11, 6), nn.Linear(6, 11, bias=False))
    model[1].weight = model[0].weight
    assert report.num_parameters(make_job(model=model)) == 66


def test_the_end_has_the_numbers_and_the_next_step(make_job: MakeJob, tmp_path: Path) -> None:
    metrics = {"eval/a/loss": 1.23456, "eval/a/num_bytes": 4096.0, "eval/a/rate": 0.0}
    text = report.end(make_job(), open_run_directory(tmp_path), Ended(reason="finished", step=1200, metrics=metrics))
    assert text.splitlines()[:4] == [
        "finished 1,200 steps",
        "  eval/a/loss       1.2346",
        "  eval/a/num_bytes   4,096",
        "  eval/a/rate       0.0000",
    ]
    assert text.splitlines()[-1] == f"next: tools/look {tmp_path.name} --root {tmp_path.parent} shows every sample"


@pytest.mark.parametrize(("value", "shown"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")])
def test_a_number_that_is_not_finite_is_shown(make_job: MakeJob, tmp_path: Path, value: float, shown: str) -> None:
    ended = Ended(reason="finished", step=1, metrics={"eval/a/loss": value})
    assert f"eval/a/loss  {shown}" in report.end(make_job(), open_run_directory(tmp_path), ended)


def write_completions(run: Path, step: int) -> None:
    folder = run / f"evals/completions/step_{step:08}"
    folder.mkdir(parents=True)
    writer = RowWriter(folder / "samples.jsonl")
    for number in range(4):
        writer.write({"id": f"p{number}", "prompt": "def ", "completion": f"\x1b[31m\n{number}" + "x" * 1000})
    writer.close()


def test_samples_are_shown_raw_and_on_one_line_each(make_job: MakeJob, tmp_path: Path) -> None:
    run = open_run_directory(tmp_path)
    write_completions(run.path, 5)
    job = make_job(evals={"completions": None, "held_out": None})
    lines = report.end(job, run, Ended(reason="finished", step=5, metrics={})).splitlines()
    shown = [at for at, line in enumerate(lines) if "/completions/step_00000005#p" in line]
    assert len(shown) == 3
    assert all(lines[at + 1].startswith("  'def \\x1b[31m\\n") for at in shown)
    assert all(len(line) < 400 for line in lines)
    assert lines == report.end(job, run, Ended(reason="finished", step=5, metrics={})).splitlines(), "drawn by the name"


def test_a_child_stands_beside_its_parents_newest_finished_run(make_job: MakeJob, tmp_path: Path) -> None:
    write_run(tmp_path, "01_base", number=1, bits=9.0)
    write_run(tmp_path, "01_base", number=2, bits=2.5)
    write_run(tmp_path, "01_base", number=3, bits=7.0, end=None)
    child = write_run(tmp_path, "01_lr_02_02", number=4, bits=2.25)
    ended = Ended(reason="finished", step=2, metrics={"eval/held_out/bits_per_byte": 2.25, "eval/new/rate": 0.5})
    lines = report.end(make_job(), open_run_directory(child), ended).splitlines()
    cells = [line.split() for line in lines]
    assert ["eval/held_out/bits_per_byte", "2.2500", "2.5000", "-0.25"] in cells
    assert ["eval/new/rate", "0.5000"] in cells
    assert lines[-1].startswith("next: tools/compare 01_base-")
    assert f" {child.name} --root {tmp_path} " in lines[-1]


def test_numbers_of_unlike_evals_get_no_difference(make_job: MakeJob, tmp_path: Path) -> None:
    runs = [write_run(tmp_path, name, number=at) for at, name in enumerate(("01_base", "01_lr_02_02"))]
    for run, sha in zip(runs, ("0" * 64, "1" * 64), strict=True):
        path = run / "evals/held_out/step_00000002/result.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "identity": {"prompts_sha256": sha}}))
    ended = Ended(reason="finished", step=2, metrics={"eval/held_out/bits_per_byte": 2.0})
    text = report.end(make_job(), open_run_directory(runs[1]), ended)
    assert "eval/held_out/bits_per_byte 2 2 not alike" in " ".join(text.split())
    assert "held_out was not measured alike: the prompts differ (00000000 and 11111111)" in text


def test_a_stopped_run_says_how_to_go_on_with_as_many_processes(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    text = report.end(make_job(), open_run_directory(tmp_path), Ended(reason="SIGTERM", step=7, metrics={}))
    assert text.splitlines()[0] == "stopped by SIGTERM after step 7; saved"
    assert text.splitlines()[-1] == f"next: accelerate launch train.py {tmp_path}"
    monkeypatch.setenv("WORLD_SIZE", "4")
    text = report.end(make_job(), open_run_directory(tmp_path), Ended(reason="SIGTERM", step=7, metrics={}))
    flags = "--multi_gpu --num_processes 4 --num_machines 1 --main_process_port 0"
    assert text.splitlines()[-1] == f"next: accelerate launch {flags} train.py {tmp_path}"
