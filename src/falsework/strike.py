"""The project without falsework: a copy in which every config is a Python experiment, and nothing reads TOML.

    strike(project, target, load, train_with=...) -> Struck

What goes says so itself, in the words `goes with falsework` (grep for them): a line that ends with them, a paragraph
whose first line is a comment with them, a Python file whose docstring has them. Besides, a tool, test or benchmark goes
that imports what is gone. All else stays byte for byte. The project itself is never changed, and a copy is only left
when its experiments equal their configs and no import of what is gone remains.
"""

import ast
import os
import re
import runpy
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

from falsework.config import Config
from falsework.eject import eject
from falsework.problems import ConfigError, Problem

MARK = "goes with falsework"
GONE = {"falsework", "cattrs", "tomli_w", "tomllib"}
NOT_COPIED = {".bench", ".git", ".venv", "runs"}
CACHES = {"__pycache__", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
FOLDERS = ("src/falsework", "tests/falsework", "tests/gpu", "tests/system", "tests/tools", "configs")
FILES = (
    "docs/language.md",
    "docs/porting.md",
    "docs/fields.md",
    "docs/strike.md",
    ".taplo.toml",
    "tombi.toml",
    "benchmarks/config_peers.txt",
    "tests/chaos/trainer.py",  # trains TOML experiments
    "tests/chaos/test_trainer.py",
)
READERS = ("tools", "tests", "benchmarks")  # floors above falsework, where whatever imports it goes
EXPERIMENTS = "experiments"
REGISTRY = ("bindings/derived.py", "bindings/elsewhere.py", "bindings/schema.lock.toml")  # only falsework reads these
TEMPLATES = {"tools/struck_train.py": "train.py", "tools/struck_start.py": "tools/_start.py"}
PINS = re.compile(r"^(cattrs|tomli[_-]w)==.*\n", re.MULTILINE)  # in constraints.txt, which is generated

NOTE = """\
> The config layer of this project was struck: experiments are Python files in experiments/, and nothing reads TOML.
> Where this page speaks of a config, read such a file; where it speaks of layers and of tools that are not there, they
> went with it.

"""

Load = Callable[[Sequence[str]], Config]


class Struck(NamedTuple):
    """What a strike did: lines that went, by what they were, and lines that came."""

    removed: dict[str, int]
    added: dict[str, int]
    gone: list[str]  # files, by their path in the project
    experiments: list[str]


def strike(project: Path, target: Path, load: Load, *, train_with: str) -> Struck:
    """Writes the copy to `target`, which must not exist. Raises ConfigError when a config does not load."""
    project, target = project.resolve(), target.absolute()
    try:
        is_inside = target.resolve().is_relative_to(project)
        wrong = "lies inside the project" if is_inside else "exists already" if target.exists() else ""
        if not wrong:
            target.mkdir(parents=True)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        wrong = f"cannot be written to: {error.strerror if isinstance(error, OSError) else error}"
    if wrong:
        raise ConfigError([Problem(f"{wrong}; a copy is written to a new directory outside", where=str(target))])
    try:
        struck = _copy(project, target)
        _write_experiments(project, target, load, train_with, struck)
        _check_imports(target)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return struck


def report(struck: Struck) -> str:
    """The count, as it is printed."""
    rows = [*((f"- {what}", -lines) for what, lines in struck.removed.items())]
    rows += [(f"+ {what}", lines) for what, lines in struck.added.items()]
    removed, added = sum(struck.removed.values()), sum(struck.added.values())
    width = max(len(what) for what, _ in rows)
    lines = [f"{what:{width}}  {lines:+8,}" for what, lines in rows]
    total = f"{removed:,} lines removed in {len(struck.gone)} files and beyond, {added:,} added"
    return "\n".join([*lines, f"{total}; {len(struck.experiments)} experiments equal their configs\n"])


def without_marked(text: str) -> str:
    """The text without what says that it goes."""
    kept: list[str] = []
    in_paragraph = False
    for line in text.splitlines(keepends=True):
        if MARK in line:
            in_paragraph = in_paragraph or line.lstrip().startswith(("#", "<!--"))
        elif not in_paragraph:
            kept.append(line)
        elif not line.strip():
            in_paragraph = False  # the blank line goes too
    return "".join(kept)


def _copy(project: Path, target: Path) -> Struck:
    """All files that stay, as they stay."""
    struck = Struck({}, {}, [], [])
    for path in sorted(_files(project)):
        name = path.relative_to(project).as_posix()
        if name in TEMPLATES.values():
            _count(struck.removed, name, path.read_text("utf-8"))
            continue
        before = _text(path)
        after = before if before is None else _edited(name, before)
        new_name = TEMPLATES.get(name) or _experiment_name(name) or name
        if new_name == name and _goes(name, after):
            struck.gone.append(name)
            _count(struck.removed, _group(name), before)
            continue
        to = target / new_name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to, follow_symlinks=False)
        if name in TEMPLATES:
            _count(struck.added, new_name, after)
        elif after is not None and before is not None and after != before:
            to.write_text(after, encoding="utf-8", newline="")
            is_longer = after.count("\n") > before.count("\n")  # the README, by its note
            counts, longer, shorter = (struck.added, after, before) if is_longer else (struck.removed, before, after)
            _count(counts, "lines of files that stay", longer, shorter)
    _forget_rows(target, struck)
    return struck


def _experiment_name(name: str) -> str | None:
    """Where an experiment that is Python already goes, as `configs` is no folder any more."""
    return f"{EXPERIMENTS}/{name.removeprefix('configs/')}" if re.fullmatch(r"configs/.+\.py", name) else None


def _files(folder: Path) -> Iterator[Path]:
    """What the project is made of: no history, no runs, no environment, no caches."""
    for directory, folders, names in os.walk(folder):
        left_out = CACHES | NOT_COPIED if Path(directory) == folder else CACHES
        folders[:] = [name for name in folders if name not in left_out and not name.endswith(".egg-info")]
        yield from (Path(directory, name) for name in names)


def _text(path: Path) -> str | None:
    """The file's text; None for what is no text."""
    try:
        return path.read_bytes().decode()
    except (UnicodeDecodeError, OSError):  # a link that leads nowhere is copied as it is
        return None


def _edited(name: str, text: str) -> str:
    if name == "constraints.txt":
        text = PINS.sub("", text)
    if name.startswith("docs/") or name in ("README.md", "Makefile"):
        text = re.sub(r"configs/(\w+)\.toml[ +]configs/profiles/(\w+)\.toml", r"experiments/\2/\1+\2.py", text)
        text = re.sub(r"configs/(\w+)\.toml", r"experiments/\1.py", text)
    if MARK in text and not _says_it_goes(name, text):
        text = without_marked(text)
    return NOTE + text if name == "README.md" else text


def _goes(name: str, text: str | None) -> bool:
    if name.startswith(tuple(f"{folder}/" for folder in FOLDERS)) or name in (*FILES, *REGISTRY):
        return True
    if text is None or name.partition("/")[0] not in READERS:
        return False
    return _says_it_goes(name, text) or bool(_imports_of_gone(name, text))


def _says_it_goes(name: str, text: str) -> bool:
    """Whether a Python file says of itself that it goes."""
    return _is_python(name, text) and MARK in (ast.get_docstring(_parsed(name, text)) or "")


def _is_python(name: str, text: str) -> bool:
    return name.endswith(".py") or (name.startswith("tools/") and text.startswith("#!") and "python" in text[:40])


def _parsed(name: str, text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        what = f"no Python, once what goes with falsework is taken out: {error.msg}"
        raise ConfigError([Problem(what, where=f"{name}:{error.lineno}")]) from None


def _imports_of_gone(name: str, text: str) -> list[str]:
    """`file:line` of every import of what is gone."""
    found: list[str] = []
    for node in ast.walk(_parsed(name, text)) if _is_python(name, text) else ():
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [f"{name}:{node.lineno}" for module in modules if module.partition(".")[0] in GONE]
    return found


def _forget_rows(target: Path, struck: Struck) -> None:
    """The map of the house lists what stands: rows of what went go too."""
    house = target / "docs" / "house.md"
    if house.exists():
        gone, before = tuple(f"| `{name}` |" for name in (*struck.gone, *TEMPLATES)), house.read_text("utf-8")
        after = "".join(row for row in before.splitlines(keepends=True) if not row.startswith(gone))
        house.write_text(after, encoding="utf-8")
        _count(struck.removed, "lines of files that stay", before, after)


def _write_experiments(project: Path, target: Path, load: Load, train_with: str, struck: Struck) -> None:
    """Every config, alone and with each profile on it, as Python that is read back and compared."""
    with chdir(project):  # places are written as seen from the project
        configs = sorted(path for path in Path("configs").glob("*.toml") if path.name != "machine.toml")
        profiles = sorted(Path("configs/profiles").glob("*.toml"))
        for config in configs:
            for profile in (None, *profiles):
                loaded = load([str(config)] if profile is None else [str(config), str(profile)])
                name = f"{profile.stem}/{loaded.name}" if profile else loaded.name
                text = eject(loaded, train_with=train_with)
                to = target / EXPERIMENTS / f"{name}.py"
                if to.exists():
                    raise ConfigError(
                        [Problem("there is a Python experiment of this name", where=f"configs/{name}.py")]
                    )
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_text(text, encoding="utf-8")
                assert runpy.run_path(str(to))["run"] == loaded.value, f"{to}: not the object that its config makes"
                struck.experiments.append(f"{EXPERIMENTS}/{name}.py")
                _count(struck.added, "experiments", text)


def _check_imports(target: Path) -> None:
    texts = ((path.relative_to(target).as_posix(), _text(path)) for path in sorted(_files(target)))
    left = [place for name, text in texts if text is not None for place in _imports_of_gone(name, text)]
    if left:
        what, mend = "imports what would be gone", f"end the line with `# {MARK}` if it can go, or move it to tools/"
        raise ConfigError([Problem(what, where=place, help=mend) for place in left])


def _group(name: str) -> str:
    return next((folder for folder in FOLDERS if name.startswith(f"{folder}/")), name.partition(os.sep)[0])


def _count(counts: dict[str, int], what: str, before: str | None, after: str = "") -> None:
    counts[what] = counts.get(what, 0) + (before or "").count("\n") - after.count("\n")
