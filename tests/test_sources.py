"""House rules that no linter holds: names, sizes, docstrings, nothing left for later, nothing of one machine."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("src", "bindings", "tools", "tests", "benchmarks", "train.py")
PROSE = ("README.md", "docs", "configs", "Makefile", ".ci", "pyproject.toml", "constraints.txt")
NAMES_THAT_SAY_NOTHING = {"base", "common", "core", "helper", "helpers", "manager", "misc", "util", "utils"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

LEFT_FOR_LATER = re.compile(r"\b(T[O]DO|F[I]XME)\b")  # brackets, so that this line is not found
OF_ONE_MACHINE = re.compile(r"(?<![\w.~$}])/(home|mnt|opt|root|srv|tmp|Users|work)/\w")


def below(names: tuple[str, ...]) -> list[Path]:
    """Every file below these names, without what Python leaves behind."""
    paths = [path for name in names for path in (ROOT / name, *(ROOT / name).rglob("*"))]
    return sorted(path for path in paths if path.is_file() and "__pycache__" not in path.parts)


SOURCES = [path for path in below(ROOMS) if path.suffix == ".py" or path.parent.name == "tools"]


def name_of(path: Path) -> str:
    """How a file is called in a test's report."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_says_what_it_is_for_and_fits_the_eye(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "no module docstring"
    assert path.stem not in NAMES_THAT_SAY_NOTHING
    assert len(text.splitlines()) <= MAX_FILE_LINES
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    too_long = {f.name for f in functions if (f.end_lineno or f.lineno) - f.lineno >= MAX_FUNCTION_LINES}
    assert not too_long, f"functions of more than {MAX_FUNCTION_LINES} lines"


TEXTS = [path for path in below((*ROOMS, *PROSE)) if path.suffix != ".png"]


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_a_file_names_no_machine_and_leaves_nothing_for_later(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    found = [
        f"{number}: {line.strip()}"
        for number, line in enumerate(lines, start=1)
        if LEFT_FOR_LATER.search(line) or OF_ONE_MACHINE.search(line)
    ]
    assert found == []
