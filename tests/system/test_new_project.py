"""The real tool on this project: what it writes is whole, clean, trains, changes, can be struck, and makes the next."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 280
PLACE = re.compile(r"\b(?:benchmarks|bindings|docs|src|tests|tools)/[\w./]+\w")
FAST = ("test_floors.py", "test_sources.py", "test_bindings.py", "test_derived.py")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * TIMEOUT_SECONDS)]


def said(folder: Path, *command: str, code: int = 0) -> str:
    """What a command prints, run in the folder as if nothing but the folder's own rooms were installed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": f"{folder}:{folder / 'src'}"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def tool(folder: Path, name: str, *arguments: str, code: int = 0) -> str:
    return said(folder, sys.executable, f"tools/{name}", *arguments, code=code)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The new project, made once, before anything is installed."""
    folder = tmp_path_factory.mktemp("new_project") / "my_project"
    last = said(PROJECT, sys.executable, "-S", "tools/new_project", str(folder)).splitlines()[-1]
    assert last == f"next: cd {folder} && make train"
    return folder


def test_an_empty_folder_is_filled_from_within(tmp_path: Path) -> None:
    told = said(tmp_path, sys.executable, "-S", str(PROJECT / "tools" / "new_project"), ".")
    assert told.splitlines()[-1] == f"next: cd {tmp_path} && make train"
    assert (tmp_path / "train.py").is_file()


def test_make_check_is_content(new: Path, tmp_path: Path) -> None:
    checks = re.findall(r"^\t\$\(BIN\)/(.+)$", (new / "Makefile").read_text().partition("\ncheck:")[2], re.MULTILINE)[
        :4
    ]
    assert checks == ["ruff format --check", "ruff check", "mypy", "lint-imports"]
    if (PROJECT / ".mypy_cache").is_dir():  # what torch's types are, which takes half a minute to read
        shutil.copytree(PROJECT / ".mypy_cache", tmp_path / "cache")
    bin_dir = Path(sys.executable).parent
    for program, *words in map(str.split, checks):
        options = ["--cache-dir", str(tmp_path / "cache")] if program == "mypy" else ["--no-cache"]
        said(new, str(bin_dir / program), *words, *options)


def test_its_configs_load_and_its_schema_is_fresh(new: Path) -> None:
    assert "0 errors, 0 warnings in 1 experiment, each alone and with 1 profile" in tool(new, "check_configs")
    assert tool(new, "schema", "--check").endswith("fresh\n")
    make = said(new, "make", "--no-print-directory", "--dry-run", "train")
    assert make.splitlines()[-1].endswith("accelerate launch train.py configs/01_baseline.toml")


def test_no_page_and_no_help_names_a_file_that_stayed(new: Path) -> None:
    pages = [new / "README.md", *(new / "docs").glob("*.md"), *(new / "tools").glob("[!_.]*")]
    pages.remove(new / "docs" / "strike.md")  # removes what may be there
    named = {(path.name, place) for path in pages for place in PLACE.findall(path.read_text("utf-8"))}
    assert len(named) > 100
    stays = {place for _, place in named if (PROJECT / place).exists() and not (new / place).exists()}
    assert stays <= {"docs/study.md"}, "which tools/study writes"


def test_its_tests_are_all_there_and_the_fast_ones_pass(new: Path) -> None:
    said(new, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "tests")
    said(new, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *(f"tests/{name}" for name in FAST))


def test_it_trains_and_the_record_has_the_commit(new: Path, accelerate: str) -> None:
    said(new, accelerate, "launch", "train.py", "configs/01_baseline.toml", "configs/profiles/cpu_debug.toml")
    (run,) = (new / "runs").iterdir()
    code = json.loads((run / "run.json").read_text())["code"]
    assert (code["commit"], code["dirty"]) == (said(new, "git", "rev-parse", "HEAD").strip(), False)
    assert '"finished"' in (run / "events.jsonl").read_text()
    assert (run / "evals" / "completions" / "step_00000020" / "samples.jsonl").is_file()


def test_the_next_experiment_the_struck_project_and_the_next_project_come_out_of_it(new: Path, tmp_path: Path) -> None:
    told = tool(new, "new_config", "1", "lr_0003", "optimizer.lr=0.0003", "--why", "is 1e-3 too high?")
    assert told.splitlines()[-1] == "next: accelerate launch train.py configs/01_lr_0003_02.toml"
    tool(new, "check_configs")
    tool(new, "new_project", str(tmp_path / "next"))
    tool(new, "strike", str(tmp_path / "struck"))
    tool(tmp_path / "struck", "new_project", str(tmp_path / "next_struck"))
    for name, config in (("next", "configs/01_baseline.toml"), ("next_struck", "experiments/01_baseline.py")):
        make = said(tmp_path / name, "make", "--no-print-directory", "--dry-run", "train")
        assert make.splitlines()[-1].endswith(f"accelerate launch train.py {config}")
        assert not list((tmp_path / name).rglob("01_lr_0003_02*"))
    struck = tmp_path / "next_struck"
    said(struck, sys.executable, "train.py", "experiments/cpu_debug/01_baseline+cpu_debug.py")
    assert not (struck / "src" / "falsework").exists()


def test_a_folder_that_is_not_empty_is_refused_in_a_line(new: Path) -> None:
    before = said(new, "git", "status", "--porcelain")
    expected = f"{new} is not empty\n  help: name a folder outside that is empty, or not there yet\n"
    assert tool(PROJECT, "new_project", str(new), code=2) == expected
    assert said(new, "git", "status", "--porcelain") == before
