"""A new project out of a project of a few files: what goes along, what stays, the first commit, and what is refused."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.launch import Refused
from harness.new_project import new_project

PYPROJECT = """\
name = "old"
description = "What the old one is for."
license = "MIT"
license-files = ["LICENSE"]
authors = [{ name = "Somebody" }]
dependencies = [
    "accelerate>=1.15",
    "old[ui]",
]
[tool.somebody]
name = "old and new"
root_packages = [
    "old",
]
"""
GOES = {
    "train.py": '"""accelerate launch train.py configs/22_best_23.toml configs/profiles/cpu_debug.toml"""\n',
    "Makefile": "CONFIG ?= configs/22_best_23.toml\n",
    "pyproject.toml": PYPROJECT,
    "LICENSE": "MIT\n",
    "README.md": "# old\nThe story of the old one.\n",
    "src/harness/runs/table.py": "x = 1\n",
    "src/harness/loop.py": '"""configs/22_best_23.toml"""\n',
    "docs/new_project.md": "# A new project\n\nIt trains configs/01_baseline.toml.\n",
    "docs/runs.md": "train.py configs/22_best_23.toml\nlr of configs/22_best_23.toml:8:6, configs/21_other_22.toml\n",
    "docs/picture.png": "",
    "tools/_start.py": "x = 1\n",
    "configs/.schema.json": "{}\n",
    "configs/01_baseline.toml": "seed = 1\n",
    "configs/profiles/cpu_debug.toml": "# train.py configs/22_best_23.toml\n",
    "benchmarks/synthetic_runs.py": "x = 1\n",
    "a new file.py": "x = 1\n",
}
STAYS = {
    "configs/22_best_23.toml": "seed = 2\n",
    "configs/sweep/01_baseline.toml": "seed = 2\n",
    "benchmarks/trainer.py": "x = 1\n",
    "docs/study.md": "It went well.\n",
    "secrets/.env": "KEY=1\n",
}
IGNORED = {"runs/a/run.json": "{}", ".venv/bin/python": "", "configs/machine.toml": "", "src/harness/__pycache__/a": ""}


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What git is told of its user, in a file; nothing else is known of them."""
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\nname = A\nemail = a@example.org\nuseConfigOnly = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    return settings


@pytest.fixture
def project(tmp_path: Path, git: Path) -> Path:
    assert git.exists()
    folder = tmp_path / "old"
    for name, text in (GOES | STAYS | IGNORED).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "docs" / "picture.png").write_bytes(b"\xff\xfe\r\n")
    (folder / "train.py").chmod(0o755)
    (folder / ".gitignore").write_text("/runs/\n/.venv/\n/configs/machine.toml\n__pycache__/\n")
    say(folder, "init", "--quiet")
    say(folder, "add", "train.py", "docs/study.md")
    return folder


def say(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def files_of(folder: Path) -> set[str]:
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if path.parts[0] != ".git"}


def test_the_machinery_goes_along_and_the_study_stays(project: Path, tmp_path: Path) -> None:
    before = {name: (project / name).read_bytes() for name in files_of(project)}
    made = new_project(project, tmp_path / "new")
    assert {name: (project / name).read_bytes() for name in files_of(project)} == before, "the old one is not changed"
    assert files_of(tmp_path / "new") == {*GOES, ".gitignore"}
    assert made.num_files == len(GOES) + 1
    assert made.stayed == sorted(STAYS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gitconfig", "new", "old"]


def test_files_stay_as_they_are_but_for_the_name_and_the_main_experiment(project: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new_project(project, new)
    edited = {
        "train.py": '"""accelerate launch train.py configs/01_baseline.toml configs/profiles/cpu_debug.toml"""\n',
        "Makefile": "CONFIG ?= configs/01_baseline.toml\n",
        "README.md": "# new\n\nIt trains configs/01_baseline.toml.\n",
        "docs/runs.md": GOES["docs/runs.md"].replace("train.py configs/22_best_23", "train.py configs/01_baseline"),
        "configs/profiles/cpu_debug.toml": "# train.py configs/01_baseline.toml\n",
        "pyproject.toml": """\
name = "new"
license-files = ["LICENSE"]
dependencies = [
    "accelerate>=1.15",
    "new[ui]",
]
[tool.somebody]
name = "old and new"
root_packages = [
    "old",
]
""",
    }
    for name in (*GOES, ".gitignore"):
        expected = edited[name].encode() if name in edited else (project / name).read_bytes()
        assert (new / name).read_bytes() == expected, name
        assert (new / name).stat().st_mode == (project / name).stat().st_mode


def test_all_of_it_is_in_the_first_commit(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(project / ".git"))  # as in a hook of the old one
    monkeypatch.setenv("GIT_INDEX_FILE", str(project / ".git" / "index"))
    made = new_project(project, tmp_path / "new")
    for name in ("GIT_DIR", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name)
    assert made.commit == f"commit {say(tmp_path / 'new', 'rev-parse', '--short', 'HEAD').strip()}"
    assert say(tmp_path / "new", "status", "--porcelain") == ""
    assert set(say(tmp_path / "new", "ls-files", "-z").split("\0")) == {*GOES, ".gitignore", ""}
    assert say(project, "status", "--porcelain", "train.py").startswith("A ")


def test_without_git_the_project_is_there_all_the_same(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    made = new_project(project, tmp_path / "new")
    assert made.commit == "no commit: git is not installed"
    assert files_of(tmp_path / "new") == {*GOES, ".gitignore"}


def test_a_name_that_git_does_not_know_is_asked_for(project: Path, tmp_path: Path, git: Path) -> None:
    git.write_text("[user]\nuseConfigOnly = true\n")
    made = new_project(project, tmp_path / "new")
    expected = "no commit: git does not know your name (git config --global user.name, user.email; then git commit)"
    assert made.commit == expected
    assert files_of(tmp_path / "new") == {*GOES, ".gitignore"}


def test_a_new_project_makes_the_next_one(project: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "deep" / "er" / "second"
    new_project(project, first)
    second.mkdir(parents=True)  # empty, and filled
    assert new_project(first, second).stayed == []
    assert files_of(second) == files_of(first)
    for name in files_of(first):
        assert (second / name).read_bytes() == (first / name).read_bytes().replace(b"first", b"second"), name


def test_an_experiment_in_python_goes_along_where_configs_are_struck(project: Path, tmp_path: Path) -> None:
    kept = {"01_baseline.py", "cpu_debug/01_baseline+cpu_debug.py"}
    for name in (*kept, "22_best_23.py", "cpu_debug/22_best_23+cpu_debug.py"):
        (project / "experiments" / name).parent.mkdir(parents=True, exist_ok=True)
        (project / "experiments" / name).write_text("run = 1\n")
    (project / "configs" / "01_baseline.toml").unlink()
    (project / "Makefile").write_text("CONFIG ?= experiments/22_best_23.py\n")
    (project / "train.py").write_text('"""experiments/cpu_debug/22_best_23+cpu_debug.py"""\n')
    new_project(project, tmp_path / "new")
    assert files_of(tmp_path / "new" / "experiments") == kept
    assert (tmp_path / "new" / "Makefile").read_text() == "CONFIG ?= experiments/01_baseline.py\n"
    assert (tmp_path / "new" / "train.py").read_text() == '"""experiments/cpu_debug/01_baseline+cpu_debug.py"""\n'

    (project / "experiments" / "01_baseline.py").unlink()
    with pytest.raises(Refused, match="has no experiment 01_baseline, and a new project begins with it"):
        new_project(project, tmp_path / "newer")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("old", "lies inside this project"),
        ("old/new", "lies inside this project"),
        ("link/new", "lies inside this project"),
        ("", "is not empty"),
        ("gitconfig", "is a file"),
        ("gitconfig/new", "was not written: Not a directory"),
        ("a" * 300, "was not written: File name too long"),
        ("circle", "was not written: "),
        ("...", "holds no letter from a to z and no digit"),
        ("Accelerate", "Accelerate is the name of a package that the project needs"),
    ],
)
def test_only_a_new_place_outside_is_written_to(project: Path, tmp_path: Path, target: str, said: str) -> None:
    (tmp_path / "link").symlink_to(project)
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    before = files_of(tmp_path)
    with pytest.raises(Refused, match=said):
        new_project(project, tmp_path / target)
    assert files_of(tmp_path) == before


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may be larger than a kilobyte."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_failure_half_way_leaves_nothing(project: Path, tmp_path: Path) -> None:
    (project / "train.py").write_text("#" * 2000)
    with full_disk(), pytest.raises(Refused, match="was not written: File too large"):
        new_project(project, tmp_path / "deep" / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gitconfig", "old"]
