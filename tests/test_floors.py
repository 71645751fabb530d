"""Who may import whom, checked where import-linter cannot see: inside functions or outside them, and in a live process.

The map of the rooms is docs/house.md; the contracts on the import graph are in pyproject.toml.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"accelerate", "numpy", "rich", "safetensors", "torch"}

# What each room may import beside the standard library and itself, anywhere in its files.
ALLOWED_ANYWHERE = {
    "src/falsework": {"attrs", "cattrs", "tomli_w"},  # goes with falsework
    "src/harness": {
        "accelerate",
        "attrs",
        "duckdb",
        "fsspec",
        "jinja2",
        "markupsafe",
        "matplotlib",
        "mlflow",
        "numpy",
        "plotly",
        "psutil",
        "pyarrow",
        "rich",
        "safetensors",
        "scipy",
        "starlette",
        "statsmodels",
        "torch",
        "uvicorn",
        "wandb",
    },
    "src/zoo": {"numpy", "torch"},
    "bindings": {"attrs", "harness", "torch", "zoo"},
}

# What it may import while it is itself being imported. The executables read configs before anything heavy is loaded.
ALLOWED_ON_IMPORT = {
    "bindings": {"attrs"},
    "tools": {"_start", "attrs", "bindings", "cattrs", "falsework", "harness"},
    "train.py": {"bindings", "falsework", "harness"},
}


def files_of(room: str) -> list[Path]:
    """Python files of a room; every file in tools/ is one, whatever its name ends in."""
    path = ROOT / room
    if path.is_file():
        return [path]
    pattern = "*" if room == "tools" else "*.py"
    return sorted(file for file in path.rglob(pattern) if file.is_file() and "__pycache__" not in file.parts)


def is_deferred(node: ast.AST) -> bool:
    """Whether importing a module leaves this alone: the inside of functions, and imports for type checkers only."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def imported_packages(node: ast.AST, *, deferred: bool) -> Iterator[tuple[str, int]]:
    """Top-level names of the imports below a node, each with its line; `deferred` adds those that wait for a call."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((alias.name.partition(".")[0], child.lineno) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: relative imports hide from grep"
            yield (child.module or "").partition(".")[0], child.lineno
        elif deferred or not is_deferred(child):
            yield from imported_packages(child, deferred=deferred)


def strangers(room: str, allowed: set[str], *, deferred: bool) -> list[str]:
    """Imports of a room that are not its own, not allowed and not of the standard library, as `file:line: name`."""
    known = allowed | {Path(room).stem} | sys.stdlib_module_names
    return [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in files_of(room)
        for name, line in imported_packages(ast.parse(file.read_bytes()), deferred=deferred)
        if name not in known
    ]


@pytest.mark.parametrize("room", ALLOWED_ANYWHERE)
def test_a_room_imports_only_what_its_floor_allows(room: str) -> None:
    assert strangers(room, ALLOWED_ANYWHERE[room], deferred=True) == []


@pytest.mark.parametrize("room", ALLOWED_ON_IMPORT)
def test_heavy_imports_stay_deferred(room: str) -> None:
    assert strangers(room, ALLOWED_ON_IMPORT[room], deferred=False) == []


def test_only_ranks_and_mirrors_import_accelerate() -> None:
    users = {
        file.relative_to(ROOT).as_posix()
        for room in (*ALLOWED_ANYWHERE, "tools", "train.py")
        for file in files_of(room)
        if "accelerate" in dict(imported_packages(ast.parse(file.read_bytes()), deferred=True))
    }
    assert users == {"src/harness/ranks.py", "src/harness/mirrors.py"}


@pytest.mark.parametrize(
    "module",
    [
        "falsework",  # goes with falsework
        "bindings",
        "train",
    ],
)
def test_configs_are_read_before_anything_heavy_is_loaded(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(process.stdout.split())


def test_the_map_of_the_house_lists_every_module() -> None:
    text = (ROOT / "docs" / "house.md").read_text("utf-8")
    listed = re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)
    rooms = ("src", "bindings", "tools", "train.py")
    standing = [file.relative_to(ROOT).as_posix() for room in rooms for file in files_of(room)]
    assert sorted(listed) == sorted(standing)
