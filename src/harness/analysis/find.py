"""Which run a word means: a path, an id, the beginning of one, an experiment, or an experiment's number.

Names alone are looked at, so it is quick among ten thousand runs.
"""

import shlex
from pathlib import Path

from harness.analysis.names import unknown
from harness.launch import Refused
from harness.lineage import parse_name
from harness.run_directory import is_run_directory
from harness.state import state_of

TRASH = ".trash"
MAX_SHOWN = 8


def find_run(root: Path, word: str) -> Path:
    """The directory of the run. An experiment and its number mean its newest run, if it can be one without a profile.

    Raises Refused.
    """
    if is_run_directory(Path(word)):
        return Path(word)
    runs = run_names(root)
    if word in runs:
        return root / word
    of_experiment = [run for run in runs if experiment_of(run) == word] or _of_number(runs, word)
    if of_experiment:
        return root / of_experiment[-1]
    begun = [run for run in runs if run.startswith(word)]
    if len(begun) == 1:
        return root / begun[0]
    if begun:
        others = f" and {len(begun) - MAX_SHOWN} more" if len(begun) > MAX_SHOWN else ""
        raise Refused(f"{len(begun)} runs begin with {word}\n  help: one of {', '.join(begun[:MAX_SHOWN])}{others}")
    raise unknown("run", word, [*runs, *dict.fromkeys(map(experiment_of, runs))], where=f" in {root}")


def run_names(root: Path) -> list[str]:
    """The names of all runs in a store, oldest first. Raises Refused when there is no store."""
    if not root.is_dir():
        raise Refused(f"{root}: no directory of runs\n  help: --root DIR says where runs are")
    return sorted((path.name for path in root.iterdir() if is_run_directory(path)), key=_age)


def root_words(root: Path) -> str:
    """What a command that is suggested needs to find runs of this store; nothing for the usual one."""
    return "" if root == Path("runs") else f" --root {shlex.quote(str(root))}"


def experiment_of(run: str) -> str:
    """The experiment of a run, with its profile: the name without time and hexadecimal tail."""
    return run.rsplit("-", 2)[0]


def parent_of(root: Path, run: str) -> Path | None:
    """The newest run of the experiment that this one is a child of, with the same profile; finished ones first."""
    experiment, plus, profile = experiment_of(run).partition("+")
    name = parse_name(experiment)
    if name is None or name.parent is None:
        return None
    of_parent = [other for other in run_names(root) if _is_number(other, str(name.parent), plus + profile)]
    finished = [other for other in of_parent if state_of(root / other) == "finished"]
    return root / (finished or of_parent)[-1] if of_parent else None


def _of_number(runs: list[str], word: str) -> list[str]:
    if not word.isdigit():
        return []
    plain = [run for run in runs if _is_number(run, word)]
    return plain or [run for run in runs if _is_number(run, word, profile=None)]


def _is_number(run: str, number: str, profile: str | None = "") -> bool:
    experiment, plus, of = experiment_of(run).partition("+")
    name = parse_name(experiment)
    return name is not None and name.number == int(number) and profile in (None, plus + of)


def _age(run: str) -> tuple[str, str]:
    """Order of time: names end in `-<UTC time>-<hex>`."""
    _, _, stamp = run.rpartition("-")[0].rpartition("-")
    return stamp, run
