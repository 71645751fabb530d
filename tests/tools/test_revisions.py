"""diff_configs over time: files of an older schema, files of other revisions of a real repository, run directories."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What schema 1 had no word for is left out; what it had another default for is what it was (bindings/migrations.py).
OLD = """
schema = 1
why = "a start"
seed = 1
[data]
kind = "python_source"
seq_len = 128
[model]
kind = "gpt"
num_layers = 4
width = 128
num_heads = 4
max_positions = { _ref = "data.seq_len" }
[optimizer]
kind = "adamw"
lr = 0.001
[schedule]
kind = "constant"
[train]
num_steps = 600
batch_size = 16
"""
CHILD = 'extends = "01_base.toml"\nwhy = "?"\noptimizer.lr = 0.003\n'


def tool(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "tools" / name), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def commit(text: str, file: str) -> None:
    Path(file).write_text(text, encoding="utf-8")
    me = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["add", "configs"], [*me, "commit", "--quiet", "--message", file]):
        subprocess.run(["git", *words], check=True, capture_output=True)


@pytest.fixture
def _repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three revisions: schema 1; the same in today's schema; a base with another seed."""
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    subprocess.run(["git", "init", "--quiet", "."], check=True)
    Path("configs/01_lr_003_02.toml").write_text(CHILD, encoding="utf-8")
    commit(OLD, "configs/01_base.toml")
    upgraded = tool("upgrade", "configs/01_base.toml")
    assert (upgraded.returncode, upgraded.stderr) == (0, "")
    commit(Path("configs/01_base.toml").read_text(encoding="utf-8"), "configs/01_base.toml")
    commit(
        Path("configs/01_base.toml").read_text(encoding="utf-8").replace("seed = 1", "seed = 2"), "configs/01_base.toml"
    )


@pytest.mark.usefixtures("_repository")
def test_a_file_of_an_older_schema_is_the_same_experiment_in_another_revision() -> None:
    new, old = Path("configs/01_base.toml").read_text(encoding="utf-8"), "HEAD~2:configs/01_base.toml"
    assert "schema = 2" in new
    same = tool("diff_configs", old, "HEAD~1:configs/01_base.toml")
    assert (same.returncode, same.stdout, same.stderr) == (0, "no differences\n", "")
    Path("old.toml").write_text(OLD, encoding="utf-8")
    assert tool("diff_configs", "old.toml", "HEAD~1:configs/01_base.toml").returncode == 0


@pytest.mark.usefixtures("_repository")
def test_what_a_file_extends_is_that_of_its_own_revision() -> None:
    told = tool("diff_configs", "HEAD~2:configs/01_lr_003_02.toml", "configs/01_lr_003_02.toml")
    assert (told.returncode, told.stderr) == (1, "")
    assert told.stdout.splitlines() == [
        "seed  1 -> 2  HEAD~2:configs/01_base.toml:4:8 -> configs/01_base.toml:4:8",
        "1 difference",
    ]


@pytest.mark.usefixtures("_repository")
def test_a_run_directory_stands_for_its_config() -> None:
    run = Path("runs/01_base-20261123T171503Z-9f3a")
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}", encoding="utf-8")
    (run / "config.toml").write_text(
        tool("flatten", "--resolved", "HEAD~1:configs/01_base.toml").stdout, encoding="utf-8"
    )
    told = tool("diff_configs", str(run), "configs/01_lr_003_02.toml")
    assert (told.returncode, told.stderr) == (1, "")
    rows = [line.split()[:4] for line in told.stdout.splitlines()]
    assert rows == [["seed", "1", "->", "2"], ["optimizer.lr", "0.001", "->", "0.003"], ["2", "differences"]]
    assert tool("diff_configs", str(run), "HEAD~2:configs/01_base.toml").returncode == 0


@pytest.mark.usefixtures("_repository")
@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("HEAD~9:configs/01_base.toml", "HEAD~9: no such revision"),
        ("HEAD:configs/01_bas.toml", "HEAD:configs/01_bas.toml: no such file"),
    ],
)
def test_what_git_does_not_know_is_one_error(argument: str, said: str) -> None:
    told = tool("diff_configs", argument, "configs/01_base.toml")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith(said)
