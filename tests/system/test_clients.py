"""Editors' own programs on the real configs: taplo and tombi take every one of them, and point at what is wrong."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
TOLD = re.compile(r"([\w./-]+\.toml):(\d+):\d+")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")

# Offline, with the schema that tombi.toml and .taplo.toml name: no catalogue of schemas is looked up.
CLIENTS = {"tombi": ("lint", "--offline"), "taplo": ("lint",)}

# Every line that is wrong by itself says so; whether a whole config is complete is nothing that one file can tell.
WRONG = """\
extends = ["01_baseline.toml", 1]  # wrong: type
schema = 0  # wrong: range
why = 3  # wrong: type
seeed = 1  # wrong: key
seed = -1  # wrong: range

[optimizer]
kind = "adamm"  # wrong: kind
lr = "0.1"  # wrong: type, of whatever kind
momentun = 0.9  # wrong: key, of whatever kind

[model]
kind = "gpt"
num_layers = 0  # wrong: range
hedas = 2  # wrong: key
num_channels = 3  # wrong: a key of another kind
tied_head = "no"  # wrong: type
max_positions = { _reff = "data.seq_len" }  # wrong: word
width = { _append = [1] }  # wrong: word
num_heads = { _ref = 3 }  # wrong: type

[model._when.convnett]  # wrong: kind
[model._when.convnet]
num_layers = 1.5  # wrong: type

[train]
num_steps = 1.5  # wrong: type
clip_norm = 0  # wrong: range
device = "tpu"  # wrong: option

[eval.x]
kind = "completions"
prompts = []  # wrong: range
top_p = 2.0  # wrong: range
_unsett = true  # wrong: word

[eval._every]
stride = 0  # wrong: range

[data]
held_out_by = "head"  # wrong: option
held_out_fraction = true  # wrong: type
paths = ["a", 1]  # wrong: type
"""


def lint(client: str, folder: Path, *files: str) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).parent / client
    if not program.exists():
        pytest.skip(f"{client} is not in this environment: pip install {client} (there are wheels for most machines)")
    command = [str(program), *CLIENTS[client], *files]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def lines_told(client: str, folder: Path, file: str) -> set[int]:
    """The lines of the file that the client complains about."""
    done = lint(client, folder, file)
    told = [(Path(name).name, int(line)) for name, line in TOLD.findall(COLOURS.sub("", done.stdout + done.stderr))]
    assert bool(told) == (done.returncode != 0), done.stdout + done.stderr
    assert {name for name, _ in told} <= {Path(file).name}
    return {line for _, line in told}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with our schema and our editor settings, and nothing else."""
    (tmp_path / "configs").mkdir()
    for name in ("configs/.schema.json", ".taplo.toml", "tombi.toml"):
        shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("client", CLIENTS)
def test_every_config_of_the_project_is_right(client: str) -> None:
    files = [str(path.relative_to(PROJECT)) for path in sorted((PROJECT / "configs").rglob("*.toml"))]
    assert "configs/01_baseline.toml" in files
    done = lint(client, PROJECT, *files)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("client", CLIENTS)
def test_each_wrong_line_is_told_and_no_other(client: str, folder: Path) -> None:
    (folder / "configs" / "90_broken.toml").write_text(WRONG)
    wrong = {number for number, line in enumerate(WRONG.splitlines(), 1) if "# wrong" in line}
    assert lines_told(client, folder, "configs/90_broken.toml") == wrong


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("line", [line for line in WRONG.splitlines() if "# wrong: key" in line])
def test_one_typo_is_one_complaint(client: str, folder: Path, line: str) -> None:
    text = f"# one table\n[optimizer]\nlr = 0.1\n{line}\n\n[train]\nnum_steps = 3\n"
    (folder / "configs" / "90_typo.toml").write_text(text)
    assert lines_told(client, folder, "configs/90_typo.toml") == {4}
