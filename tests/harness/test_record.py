"""The record of a run: enough to get the code back, and nothing that is secret."""

import importlib.metadata
import json
import math
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from harness.record import Experiment, environment, write_record
from harness.run_directory import is_run_directory
from harness.snapshot import MAX_FILE_BYTES, snapshot_code

SECRET = "s3cr3t-d41d8cd98f00b204"
EXPERIMENT = Experiment(
    name="22_lr_001_23",
    why="größer?",
    config={"optimizer.lr": 0.01, "train.clip_norm": math.inf, "data.paths": ("a", "b")},
    origins={"optimizer.lr": "configs/22_lr_001_23.toml:8:6"},
    files={"config.toml": b"seed = 1\n", "layers/00_22_lr_001_23.toml": b"\xff\n"},
    fingerprint="f" * 64,
)


def git(directory: Path, *words: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *words], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose train.py is the running program."""
    root = tmp_path / "project"
    (root / "src" / "room").mkdir(parents=True)
    (root / "src" / "room" / "model.py").write_text("WIDTH = 1\n")
    (root / "src" / "room" / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\r\n# \xe9\r\n")
    (root / "src" / "room" / "data.bin").write_bytes(b"\0\1")
    (root / "train.py").write_text("print(1)\n")
    monkeypatch.setattr(sys, "argv", [str(root / "train.py"), "a.toml"])
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    return root


def test_the_record_is_what_was_asked_for(project: Path, tmp_path: Path) -> None:
    del project
    run = tmp_path / "22_lr_001_23-x"
    run.mkdir()
    write_record(run, EXPERIMENT, {"num_processes": 2, "data": {"sha256": "ab"}})
    record = json.loads((run / "run.json").read_text("utf-8"))
    assert record["id"] == "22_lr_001_23-x"
    assert (record["experiment"], record["why"], record["fingerprint"]) == ("22_lr_001_23", "größer?", "f" * 64)
    assert (record["num_processes"], record["data"]) == (2, {"sha256": "ab"})
    assert record["command"] == sys.orig_argv
    assert json.loads((run / "config.json").read_text("utf-8")) == {
        "optimizer.lr": {"value": 0.01, "origin": "configs/22_lr_001_23.toml:8:6"},
        "train.clip_norm": {"value": "Infinity", "origin": None},
        "data.paths": {"value": ["a", "b"], "origin": None},
    }
    assert (run / "config.toml").read_bytes() == b"seed = 1\n"
    assert (run / "layers" / "00_22_lr_001_23.toml").read_bytes() == b"\xff\n"


def test_a_directory_becomes_a_run_only_when_all_of_its_record_is_there(project: Path, tmp_path: Path) -> None:
    del project
    (tmp_path / "run" / "environment.json").mkdir(parents=True)  # where a file should be written
    with pytest.raises(OSError, match=r"environment\.json"):
        write_record(tmp_path / "run", EXPERIMENT, {})
    assert not is_run_directory(tmp_path / "run")


def test_no_environment_variable_is_kept(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(project, "init")
    git(project, "add", ".")
    git(project, "commit", "-m", "start")
    for name in ("WANDB_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "PASSWORD", "LS_COLORS"):
        monkeypatch.setenv(name, SECRET)
    (tmp_path / "run").mkdir()
    write_record(tmp_path / "run", EXPERIMENT, {"num_processes": 1})
    kept = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(kept) >= 8
    assert [path.name for path in kept if SECRET.encode() in path.read_bytes()] == []


def test_commit_and_patch_give_the_running_code_back(project: Path, tmp_path: Path) -> None:
    git(project, "init")
    git(project, "config", "color.ui", "always")
    git(project, "config", "diff.external", "true")
    git(project, "add", ".")
    git(project, "commit", "-m", "start")
    (project / "src" / "room" / "model.py").write_text("WIDTH = 2\n")
    (project / "src" / "room" / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\r\n# \xe8\r\n")
    (project / "src" / "room" / "data.bin").write_bytes(b"\0\2")
    snapshot_code(tmp_path / "code")
    git(tmp_path, "clone", str(project), "again")
    git(tmp_path / "again", "checkout", (tmp_path / "code" / "commit.txt").read_text().strip())
    git(tmp_path / "again", "apply", str(tmp_path / "code" / "uncommitted.patch"))
    for name in ("model.py", "latin.py", "data.bin"):
        assert (tmp_path / "again/src/room" / name).read_bytes() == (project / "src/room" / name).read_bytes()


@pytest.mark.parametrize("path_variable", ["", os.environ["PATH"]], ids=["no git", "no repository"])
def test_without_git_the_source_is_kept_all_the_same(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path_variable: str
) -> None:
    (project / "src" / "room" / "new.py").write_text("NEW = True\n")
    (project / "src" / "room" / "table.py").write_text("ROWS = 0\n" * 200_000)
    monkeypatch.setenv("PATH", path_variable)
    snapshot_code(tmp_path / "code")
    source = tmp_path / "code" / "source"
    kept = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    assert kept == {"train.py", "src/room/model.py", "src/room/latin.py", "src/room/new.py"}
    assert all((source / name).read_bytes() == (project / name).read_bytes() for name in kept)
    assert not (tmp_path / "code" / "commit.txt").exists()


def test_the_environment_says_which_python_and_which_packages() -> None:
    facts = environment()
    assert facts["python"].startswith(platform.python_version())
    assert facts["packages"]["torch"] == torch.__version__
    said = {re.sub(r"[-_.]+", "_", name).lower(): version for name, version in facts["packages"].items()}
    for package in importlib.metadata.distributions():  # some are there twice: the first on the path is imported
        version = importlib.metadata.version(package.name)
        assert said.get(re.sub(r"[-_.]+", "_", package.name).lower()) == version, package.name


TOKEN = "ghp_" + "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8"


def committed(project: Path) -> None:
    git(project, "init")
    git(project, "add", ".")
    git(project, "commit", "-m", "start")


def test_source_that_git_does_not_know_is_kept_and_data_and_secrets_are_not(project: Path, tmp_path: Path) -> None:
    (project / "ignored.py").write_text("IGNORED = 1\n")
    (project / ".gitignore").write_text("ignored.py\n")
    committed(project)
    kept = {"new.py": "NEW = 1\n", "deep/er/kernel.cu": "// c\n", "configs/30_new_31.toml": "seed = 1\n"}
    other = {
        ".env": "A=1", "key.pem": "x", "table.csv": "1,2", "secrets.toml": "a = 1", "weights.bin": "\0",
        "big.py": "x = 1\n" * MAX_FILE_BYTES, "ignored.py": "IGNORED = 2\n",
    }  # fmt: skip
    for name, content in {**kept, **other}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(content)
    (project / "outside.py").symlink_to("/etc/hostname")
    facts = snapshot_code(tmp_path / "code")
    source = tmp_path / "code" / "source"
    there = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    assert there == {"train.py", "src/room/model.py", "src/room/latin.py", *kept}
    assert all((source / name).read_text() == content for name, content in kept.items())
    listed = (tmp_path / "code" / "left_out.txt").read_text()
    assert all(name in listed for name in {*other, "outside.py"} - {"ignored.py"})
    assert facts == {"commit": git(project, "rev-parse", "HEAD").strip(), "dirty": True, "left_out": 7}


def test_no_secret_is_in_a_record_whatever_the_way_it_could_come(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "deploy.env").write_text("A=old\n")
    (project / "data.txt").write_text("old\n")
    committed(project)
    (project / "deploy.env").write_text(f"A={TOKEN}\n")  # tracked, and changed
    (project / "data.txt").write_text(f"changed\n{TOKEN}\n")
    (project / "src" / "room" / "data.bin").write_bytes(b"\0" + TOKEN.encode())
    (project / "src" / "room" / "model.py").write_text(f'KEY = "{TOKEN}"\nWIDTH = 2\n')
    (project / "new.py").write_text(f"# {TOKEN}\n")
    monkeypatch.setattr(sys, "orig_argv", ["python", "train.py", f"--token={TOKEN}", TOKEN])
    (tmp_path / "run").mkdir()
    config = {"a.b": f"https://me:{TOKEN}@host"}
    files = {"config.toml": f'a = "{TOKEN}"\n'.encode()}
    write_record(tmp_path / "run", Experiment(name="x", why=TOKEN, config=config, files=files), {"x": [TOKEN]})
    kept = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert [path.name for path in kept if TOKEN.encode() in path.read_bytes()] == []
    patch = (tmp_path / "run" / "code" / "uncommitted.patch").read_text()
    assert "+changed" in patch
    assert "deploy.env" not in patch
    assert "data.bin" not in patch
    json.loads((tmp_path / "run" / "run.json").read_text())
    json.loads((tmp_path / "run" / "config.json").read_text())


def test_a_clean_repository_has_an_empty_patch_and_is_not_dirty(project: Path, tmp_path: Path) -> None:
    committed(project)
    facts = snapshot_code(tmp_path / "code")
    assert (facts["dirty"], facts["left_out"]) == (False, 0)
    assert (tmp_path / "code" / "uncommitted.patch").read_bytes() == b""
    assert not (tmp_path / "code" / "left_out.txt").exists()


def test_runs_that_lie_among_the_source_are_not_copied(project: Path, tmp_path: Path) -> None:
    committed(project)
    for number in range(3):
        run = project / "runs" / f"x-{number}"
        run.mkdir(parents=True)
        write_record(run, EXPERIMENT, {})
    snapshot_code(tmp_path / "code")
    assert not (tmp_path / "code" / "source" / "runs").exists()


def test_a_project_below_the_top_of_its_repository_keeps_its_own_changes(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = project.parent
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(top.parent))
    (top / "elsewhere.py").write_text("A = 1\n")
    git(top, "init")
    git(top, "add", ".")
    git(top, "commit", "-m", "start")
    (top / "elsewhere.py").write_text("A = 2\n")
    (project / "train.py").write_text("print(2)\n")
    (project / "new.py").write_text("NEW = 1\n")
    snapshot_code(tmp_path / "code")
    patch = (tmp_path / "code" / "uncommitted.patch").read_text()
    assert "+print(2)" in patch
    assert "elsewhere" not in patch
    assert (tmp_path / "code" / "source" / "new.py").exists()


def test_a_snapshot_changes_nothing_in_the_repository(project: Path, tmp_path: Path) -> None:
    committed(project)
    (project / "train.py").write_text("print(2)\n")
    before = (project / ".git" / "index").read_bytes()
    snapshot_code(tmp_path / "code")
    assert (project / ".git" / "index").read_bytes() == before
    assert not (project / ".git" / "index.lock").exists()


def test_the_hardware_is_in_the_environment() -> None:
    facts = environment()
    assert facts["memory_bytes"] > 0
    assert facts["cpu"]
    assert facts["gpus"] == []
