"""What the user got wrong: said at once, with the mend, with exit code 2, and before torch is imported."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
Run = Callable[..., Any]
IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", flags=re.MULTILINE)
HEAVY = {"torch", "accelerate", "numpy", "rich", "safetensors"}

MISTAKES = {
    "not TOML": ("seed = \n", r"layer\.toml:1:\d+: "),
    "unknown key": ("[train]\nnum_stepz = 3\n", r"layer\.toml:2:1: train\.num_stepz: .*\n(.*\n)*.*num_steps"),
    "a word for a number": ('[train]\nnum_steps = "many"\n', r"layer\.toml:2:13: train\.num_steps: "),
    "a number for a truth": ("[model]\ntied_head = 0\n", r"layer\.toml:2:13: model\.tied_head: "),
    "unknown kind": ('[optimizer]\nkind = "adamm"\n', r"layer\.toml:2:8: optimizer\.kind: .*\n(.*\n)*.*adamw"),
    "refused by a validator": ("[train]\nbatch_size = 0\n", r"layer\.toml:2:14: train\.batch_size: "),
    "two that do not fit": ("[train]\nmicro_batch_size = 3\n", r"train\.micro_batch_size: must divide batch_size = 8"),
    "a horizon too short": (
        "[schedule]\nwarmup_steps = 40\n",
        r"schedule\.warmup_steps: must be less than total_steps",
    ),
    "a model too short": (
        "[data]\nseq_len = 17\n",
        r"model\.max_positions: must be at least data\.seq_len = 17, got 16",
    ),
}


def refusal(run: Run, folder: Path, *arguments: str, **environment: str) -> str:
    """What was said, without the list of imports, which must not name anything heavy."""
    done = run(folder, *arguments, PYTHONPROFILEIMPORTTIME="1", **environment)
    assert done.returncode == 2, done.stderr
    imported = set(IMPORTED.findall(done.stderr))
    assert "bindings" in imported
    assert HEAVY.isdisjoint(imported)
    assert not (folder / "runs").exists()
    assert done.stdout == ""
    said = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("import time:"))
    assert "Traceback" not in said
    assert "\x1b" not in said
    return said


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_broken_config_is_refused_at_its_place(workplace: Path, run: Run, mistake: str) -> None:
    text, expected = MISTAKES[mistake]
    (workplace / "layer.toml").write_text(text)
    said = refusal(run, workplace, "tiny.toml", "layer.toml")
    assert re.search(expected, said), said


def test_every_mistake_is_said_at_once(workplace: Path, run: Run) -> None:
    (workplace / "layer.toml").write_text("[train]\nnum_stepz = 3\nbatch_size = -8\n[log]\nevery_steps = true\n")
    said = refusal(run, workplace, "tiny.toml", "layer.toml")
    places = re.findall(r"^layer\.toml:(\d+):\d+: (\S+):", said, flags=re.MULTILINE)
    assert places == [("2", "train.num_stepz"), ("3", "train.batch_size"), ("5", "log.every_steps")]


def test_an_unknown_file_is_refused_with_the_nearest_name(workplace: Path, run: Run) -> None:
    said = refusal(run, workplace, "tinny.toml")
    assert "tinny.toml" in said
    assert "tiny.toml" in said.replace("tinny.toml", "")


def test_a_batch_that_does_not_divide_is_refused_with_numbers_that_do(workplace: Path, run: Run) -> None:
    (workplace / "layer.toml").write_text("[train]\nbatch_size = 10\n")
    said = refusal(run, workplace, "tiny.toml", "layer.toml", WORLD_SIZE="4", RANK="0")
    assert "train.batch_size = 10 does not split over 4 processes with micro-batches of 2" in said
    assert "batch_size 8 or 16 would split; or this batch_size with --num_processes 1, 5" in said


def test_more_processes_than_single_means_are_refused(workplace: Path, run: Run) -> None:
    (workplace / "layer.toml").write_text('[parallel]\nkind = "single"\n')
    said = refusal(run, workplace, "tiny.toml", "layer.toml", WORLD_SIZE="2", RANK="0")
    assert '2 processes were launched, and parallel.kind = "single"' in said


def test_a_run_takes_no_layers(workplace: Path, run: Run) -> None:
    (workplace / "old_run").mkdir()
    (workplace / "old_run" / "run.json").write_text("{}")
    (workplace / "old_run" / "config.toml").write_bytes((workplace / "tiny.toml").read_bytes())
    (workplace / "layer.toml").write_text("seed = 2\n")
    said = refusal(run, workplace, "old_run", "layer.toml")
    assert said.splitlines() == [
        "old_run is a run, and a run goes on with its own config",
        "  help: for a new run of it with layers on top: train.py old_run/config.toml layer.toml",
    ]


def test_without_arguments_the_help_is_printed(workplace: Path, run: Run) -> None:
    for arguments, code in (((), 2), (("--help",), 0)):
        done = run(workplace, *arguments)
        assert done.returncode == code
        assert "accelerate launch train.py configs/22_lr_001_23.toml" in done.stdout
        assert done.stderr == ""


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ('[data]\npaths = ["corpus/*.md"]\n', "'corpus/*.md' matches no file"),
        ("[data]\nseq_len = 100000\n[model]\nmax_positions = 100000\n", "seq_len 100000"),
        ('[train]\ndevice = "cuda"\n', "torch finds no CUDA device"),
    ],
)
def test_what_only_the_machine_can_refuse_is_said_without_a_traceback(
    workplace: Path, run: Run, layer: str, expected: str
) -> None:
    (workplace / "layer.toml").write_text(layer)
    done = run(workplace, "tiny.toml", "layer.toml")
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert not (workplace / "runs").exists()


@pytest.fixture
def bare(tmp_path: Path) -> Callable[[Path], tuple[int, str]]:
    """A Python with attrs and nothing else, as systems have it: exit code and all that was said."""
    (tmp_path / "attrs.py").touch()

    def run_file(program: Path) -> tuple[int, str]:
        command = [sys.executable, "-S", str(program), "configs/01_baseline.toml"]
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=environment)
        return done.returncode, done.stdout + done.stderr

    return run_file


@pytest.mark.parametrize("program", ["train.py", "tools/struck_train.py"])
def test_a_python_without_the_packages_is_told_where_they_are(
    program: str, bare: Callable[[Path], tuple[int, str]]
) -> None:
    expected = "the packages are not here\n  help: . .venv/bin/activate, which make train creates\n"
    assert bare(PROJECT / program) == (2, expected)


def test_a_tool_before_the_first_make_says_what_it_needs(
    tmp_path: Path, bare: Callable[[Path], tuple[int, str]]
) -> None:
    for name in ("explain", "_start.py"):
        shutil.copyfile(PROJECT / "tools" / name, tmp_path / name)
    assert bare(tmp_path / "explain") == (2, "the packages are not here\n  help: make train creates .venv with them\n")


@pytest.mark.parametrize("entry", ["_start.py", "struck_start.py"])
def test_a_tool_starts_in_the_environment_when_python_has_not_the_packages(
    entry: str, tmp_path: Path, bare: Callable[[Path], tuple[int, str]]
) -> None:
    tool, python = tmp_path / "tools/tool.py", tmp_path / ".venv/bin/python"
    for file in (tool, python):
        file.parent.mkdir(parents=True)
    shutil.copyfile(PROJECT / "tools" / entry, tool)
    python.write_text('#!/bin/sh\necho "$2"\n')
    python.chmod(0o755)
    assert bare(tool) == (0, "configs/01_baseline.toml\n")
