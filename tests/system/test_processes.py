"""One process or two, one forward pass or four: the same order, the same losses, the same eval."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

EXPORT = Path(__file__).parents[2] / "tools" / "export_weights"

Run = Callable[..., Any]
StraightRuns = Callable[[int], Path]
Losses = Callable[[Path], list[float]]

pytestmark = pytest.mark.slow


def result_of(run_path: Path) -> dict[str, float]:
    path = run_path / "evals" / "held_out" / "step_00000040" / "result.json"
    metrics: dict[str, float] = json.loads(path.read_text())["metrics"]
    return metrics


def test_two_processes_give_the_losses_and_the_eval_of_one_with_dropout_too(
    straight_runs: StraightRuns, losses: Losses
) -> None:
    one, two = straight_runs(1), straight_runs(2)
    assert len(losses(one)) == 40
    assert losses(two) == pytest.approx(losses(one), rel=1e-5)
    assert result_of(two) == pytest.approx(result_of(one), rel=1e-5)
    assert json.loads((one / "run.json").read_text())["num_processes"] == 1
    assert json.loads((two / "run.json").read_text())["num_processes"] == 2
    assert "2 processes on cpu with 1 thread, fp32; batch of 8 = 2 x 2 per process" in (two / "log.txt").read_text()


def test_a_batch_at_once_in_micro_batches_or_on_two_processes_gives_the_same_losses(
    workplace: Path, run: Run, losses: Losses
) -> None:
    curves = []
    for micro_batch_size, processes in ((8, 0), (2, 0), (4, 2)):
        layer = f"[train]\nnum_steps = 15\nmicro_batch_size = {micro_batch_size}\n[model]\ndropout = 0.0\n"
        (workplace / "split.toml").write_text(layer)
        done = run(workplace, "tiny.toml", "split.toml", processes=processes)
        assert done.returncode == 0, done.stderr
        (path,) = (workplace / "runs").iterdir()
        curves.append(losses(path))
        shutil.rmtree(path)
    assert len(curves[0]) == 15
    assert curves[1] == pytest.approx(curves[0], rel=1e-5)
    assert curves[2] == pytest.approx(curves[0], rel=1e-5)


def test_shards_give_the_losses_the_eval_and_the_weights_of_copies(
    workplace: Path, run: Run, straight_runs: StraightRuns, losses: Losses
) -> None:
    (workplace / "shards.toml").write_text('[parallel]\nkind = "fsdp"\n')
    done = run(workplace, "tiny.toml", "shards.toml", processes=2)
    assert done.returncode == 0, done.stderr
    (sharded,), copied = (workplace / "runs").iterdir(), straight_runs(2)
    assert losses(sharded) == pytest.approx(losses(copied), rel=1e-5)
    assert result_of(sharded) == pytest.approx(result_of(copied), rel=1e-5)
    weights = []
    for number, path in enumerate((sharded, copied)):
        file = workplace / f"{number}.safetensors"
        subprocess.run([sys.executable, str(EXPORT), str(path), str(file)], check=True, capture_output=True)
        weights.append(load_file(file))
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-5)


def test_one_process_goes_on_with_the_checkpoint_of_two(
    workplace: Path, run: Run, straight_runs: StraightRuns, losses: Losses
) -> None:
    half_done = workplace / "runs" / "half_done"
    shutil.copytree(straight_runs(2), half_done)
    for path in sorted((half_done / "checkpoints").iterdir()):
        if path.name > "step_00000016":
            shutil.rmtree(path)
    done = run(workplace, "runs/half_done")
    assert done.returncode == 0, done.stderr
    assert "goes on after step 16" in done.stdout
    assert losses(half_done) == pytest.approx(losses(straight_runs(1)), rel=1e-5)
    assert result_of(half_done) == pytest.approx(result_of(straight_runs(1)), rel=1e-5)


@pytest.mark.parametrize("flags", ["--cpu --num_processes 2", "--cpu --num_processes=2", "--num_processes 2"])
def test_a_launch_that_would_run_one_process_instead_of_two_is_refused(
    workplace: Path, run: Run, accelerate: str, flags: str
) -> None:
    done = run(workplace, "tiny.toml", launcher=[accelerate, "launch", "--num_machines", "1", *flags.split()])
    assert done.returncode != 0
    assert done.stderr.count("2 processes were launched, but 1 would train together") == 1
    assert "--multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0" in done.stderr
    assert not (workplace / "runs").exists()


def test_a_mistake_on_two_processes_is_said_once(workplace: Path, run: Run) -> None:
    (workplace / "odd.toml").write_text("[train]\nbatch_size = 7\nmicro_batch_size = 1\n")
    done = run(workplace, "tiny.toml", "odd.toml", processes=2)
    assert done.returncode == 1, "accelerate's own code for whatever its workers end with"
    assert done.stderr.count("train.batch_size = 7 does not split over 2 processes") == 1
    assert "batch_size 6 or 8 would split" in done.stderr
    assert not (workplace / "runs").exists()


@pytest.mark.parametrize("named", [True, False])
def test_a_config_file_of_the_launcher_that_would_run_one_process_is_refused(
    workplace: Path, run: Run, accelerate: str, named: bool
) -> None:
    path = workplace / "home" / "accelerate" / "default_config.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(
        "compute_environment: LOCAL_MACHINE\ndistributed_type: MULTI_CPU\nmixed_precision: 'no'\nuse_cpu: true\n"
        "num_machines: 1\nnum_processes: 2\n"
    )
    words = ["--config_file", str(path)] if named else []
    done = run(workplace, "tiny.toml", launcher=[accelerate, "launch", *words], HF_HOME=str(workplace / "home"))
    assert done.returncode != 0
    assert done.stderr.count("2 processes were launched, but 1 would train together") == 1
    assert "--multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0" in done.stderr
    assert not (workplace / "runs").exists()


def test_a_straight_rerun_of_a_runs_config_gives_the_same_bits(
    workplace: Path, run: Run, straight_runs: StraightRuns, last_state: Callable[[Path], dict[str, str]]
) -> None:
    first = straight_runs(1)
    shutil.copytree(first, workplace / "runs" / "first")
    done = run(workplace, "runs/first/config.toml")
    assert done.returncode == 0, done.stderr
    (second,) = (path for path in (workplace / "runs").iterdir() if path.name != "first")
    assert last_state(second) == last_state(first)


def test_a_second_start_of_a_run_that_is_running_is_refused(
    workplace: Path, start: Run, run: Run, wait_for: Callable[..., Any]
) -> None:
    process = start(workplace, "tiny.toml")
    (path,) = wait_for(lambda: list((workplace / "runs").glob("*/metrics.jsonl")), process)
    process.send_signal(signal.SIGSTOP)
    try:
        done = run(workplace, str(path.parent.relative_to(workplace)))
    finally:
        process.send_signal(signal.SIGCONT)
    assert done.returncode == 2
    assert f"is being written by process {process.pid} on " in done.stderr
    assert "Traceback" not in done.stderr
    assert process.wait(timeout=100) == 0
