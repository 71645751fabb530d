"""Runs that are in the way: moved to RUNS_DIR/.trash, and back. Nothing is ever deleted here."""

from pathlib import Path

from harness.analysis.find import TRASH, find_run
from harness.analysis.remarks import remark
from harness.launch import Refused
from harness.state import state_of


def trash(root: Path, word: str) -> Path:
    """Moves a run to the trash and returns its new place. Refuses a run that is still running."""
    run = find_run(root, word)
    if state_of(run) == "running":
        raise Refused(
            f"{run.name} is running\n  help: stop it first; a run that was killed counts as crashed soon after"
        )
    moved = _move(run, run.parent / TRASH)
    remark(run, "trash")
    return moved


def restore(root: Path, word: str) -> Path:
    """Moves a run back out of the trash."""
    if not (root / TRASH).is_dir():
        raise Refused(f"{root} has no trash\n  help: --root DIR says where runs are; nothing was thrown away there")
    run = find_run(root / TRASH, word)
    moved = _move(run, run.parent.parent)
    remark(moved, "restore")
    return moved


def _move(run: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    target = folder / run.name
    if target.exists():
        raise Refused(f"{target} is already there")
    run.rename(target)
    return target
