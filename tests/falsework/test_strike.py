"""The strike on a project of a few files: what goes, what stays byte for byte, and what is refused."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import falsework
from falsework import Config, ConfigError
from falsework.strike import report, strike, without_marked
from tests.falsework import toy
from tests.falsework.toy import BASE

TRAINER = "bindings.experiment.train_file"
PROJECT = {
    "train.py": "import falsework\n",
    "tools/struck_train.py": '"""Trains."""\n',
    "tools/struck_start.py": '"""Starts."""\n',
    "tools/_start.py": "import cattrs\n",
    "tools/explain": "#!/usr/bin/env python3\ndef main():\n    from falsework.explain import explain\n",
    "tools/study": "#!/usr/bin/env python3\nfrom _start import start\n",
    "src/falsework/load.py": "import cattrs\n",
    "src/harness/loop.py": "import torch\n",
    "bindings/derived.py": "DERIVED = {}\n",
    "tests/falsework/test_load.py": "x = 1\n",
    "tests/test_typed.py": "import tomllib\n",
    "tests/test_bench.py": '"""A test that goes with falsework."""\n',
    "tests/test_loop.py": "def test_a() -> None: ...\n",
    "configs/01_base.toml": BASE,
    "configs/machine.toml": "log.every_steps = 1\n",
    "configs/profiles/short.toml": "train.num_steps = 1\n",
    "docs/language.md": "TOML\n",
    "docs/house.md": "| `src/falsework/load.py` | x |\n| `src/harness/loop.py` | y |\n| `tools/struck_start.py` |\n",
    "README.md": "run configs/01_base.toml configs/profiles/short.toml, or configs/01_base.toml\n",
    "pyproject.toml": 'dependencies = [\n    "attrs",\n    "cattrs", # goes with falsework\n]\n',
    "constraints.txt": "attrs==1\ncattrs==1\ntomli_w==1\ntomlkit==1\n",
    "data/picture.png": "",
    "runs/a/run.json": "{}",
    ".git/HEAD": "x",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name, text in PROJECT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "data" / "picture.png").write_bytes(b"\xff\xfe\r\n")
    return folder


def load(files: Sequence[str]) -> Config:
    return falsework.load(files, root=toy.Run, kinds=toy.KINDS)


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_needs_falsework_goes_and_all_else_stays(project: Path, tmp_path: Path) -> None:
    before = {name: (project / name).read_bytes() for name in files_of(project)}
    struck = strike(project, tmp_path / "new", load, train_with=TRAINER)
    assert {name: (project / name).read_bytes() for name in files_of(project)} == before, "the project is not changed"
    new = tmp_path / "new"
    assert files_of(new) == {
        "train.py", "tools/_start.py", "tools/study", "src/harness/loop.py", "tests/test_loop.py", "docs/house.md",
        "README.md", "pyproject.toml", "constraints.txt", "data/picture.png",
        "experiments/01_base.py", "experiments/short/01_base+short.py",
    }  # fmt: skip
    assert (new / "train.py").read_text() == PROJECT["tools/struck_train.py"]
    assert (new / "tools" / "_start.py").read_text() == PROJECT["tools/struck_start.py"]
    for name in ("src/harness/loop.py", "tools/study", "data/picture.png"):
        assert (new / name).read_bytes() == before[name]
        assert (new / name).stat().st_mode == (project / name).stat().st_mode
    assert (new / "constraints.txt").read_text() == "attrs==1\ntomlkit==1\n"
    assert (new / "pyproject.toml").read_text() == 'dependencies = [\n    "attrs",\n]\n'
    assert (new / "docs" / "house.md").read_text() == "| `src/harness/loop.py` | y |\n"
    readme = (new / "README.md").read_text()
    assert readme.endswith("run experiments/short/01_base+short.py, or experiments/01_base.py\n")
    assert "was struck" in readme
    assert sorted(struck.experiments) == ["experiments/01_base.py", "experiments/short/01_base+short.py"]


def test_an_experiment_that_is_python_already_moves_to_the_others(project: Path, tmp_path: Path) -> None:
    text = "run = 1\n"
    (project / "configs" / "02_python.py").write_text(text)
    strike(project, tmp_path / "new", load, train_with=TRAINER)
    assert (tmp_path / "new" / "experiments" / "02_python.py").read_text() == text

    (project / "configs" / "01_base.py").write_text(text)
    with pytest.raises(ConfigError, match="there is a Python experiment of this name"):
        strike(project, tmp_path / "other", load, train_with=TRAINER)


def test_lines_are_counted_as_a_diff_would(project: Path, tmp_path: Path) -> None:
    struck = strike(project, tmp_path / "new", load, train_with=TRAINER)
    assert struck.removed["src/falsework"] == 1
    assert struck.removed["configs"] == BASE.count("\n") + 2
    assert struck.removed["tools"] == 3
    assert struck.removed["lines of files that stay"] == 1 + 2 + 2  # of pyproject, constraints and the map
    said = report(struck)
    assert f"{sum(struck.removed.values())} lines removed" in said
    assert "2 experiments equal their configs" in said


@pytest.mark.parametrize("line", ["import falsework\n", "def f() -> None:\n    from cattrs import structure\n"])
def test_an_import_that_would_fail_is_refused_and_no_half_copy_is_left(
    project: Path, tmp_path: Path, line: str
) -> None:
    (project / "bindings" / "run.py").write_text(line)
    with pytest.raises(ConfigError, match=r"bindings/run\.py:[12]: imports what would be gone"):
        strike(project, tmp_path / "new", load, train_with=TRAINER)
    assert not (tmp_path / "new").exists()


def test_what_is_no_python_once_its_marked_lines_are_gone_is_refused_with_its_place(
    project: Path, tmp_path: Path
) -> None:
    (project / "src" / "harness" / "loop.py").write_text("a = 1\nif a:\n    a = 2  # goes with falsework\nb = 3\n")
    with pytest.raises(
        ConfigError, match=r"src/harness/loop\.py:3: no Python, once what goes .*: expected an indented"
    ):
        strike(project, tmp_path / "new", load, train_with=TRAINER)
    assert not (tmp_path / "new").exists()


def test_a_config_that_does_not_load_is_refused_with_its_place(project: Path, tmp_path: Path) -> None:
    (project / "configs" / "02_typo_03.toml").write_text('extends = "01_base.toml"\ntrain.num_stepz = 1\n')
    with pytest.raises(ConfigError, match=r"configs/02_typo_03\.toml:2:7: train\.num_stepz: unknown key"):
        strike(project, tmp_path / "new", load, train_with=TRAINER)
    assert not (tmp_path / "new").exists()


def test_only_a_new_directory_outside_is_written_to(project: Path, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        strike(project, tmp_path / "old", load, train_with=TRAINER)
    with pytest.raises(ConfigError, match="inside the project"):
        strike(project, project / "new", load, train_with=TRAINER)


def test_lines_and_paragraphs_that_are_marked_go() -> None:
    text = "a\nb  # goes with falsework\nc\n\n# goes with falsework\nd\ne\n\nf\n<!-- goes with falsework -->\ng\n"
    assert without_marked(text) == "a\nc\n\nf\n"
    assert without_marked("a\r\nb # goes with falsework\r\n") == "a\r\n"
