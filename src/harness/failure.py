"""What a rank does with the error that ends it: keeps it in the run, and sees to it that the first one is said, once.

Nothing here is a collective: after an error no rank waits for another.
"""

import errno
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.launch import Failed, Refused, launch_line
from harness.ranks import Ranks
from harness.run_directory import RunDirectory

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
RECENT_SECONDS = 30
MAX_MIRROR_SECONDS = 5.0  # other ranks wait for the end of this one


@dataclass
class Opened:
    """What there is of the run so far, to keep an error in. `run` stays None off the main process."""

    run_path: Path | None = None
    run: RunDirectory | None = None


@contextmanager
def failures_kept(ranks: Ranks) -> Iterator[Opened]:
    """Writes what the body raises into the run, and raises in its place what this rank should say of it."""
    opened = Opened()
    try:
        yield opened
    except Exception as error:
        instead = keep_failure(error, ranks, opened)
        if opened.run is not None:
            with suppress(OSError):  # of a full disk
                opened.run.close(max_mirror_seconds=MAX_MIRROR_SECONDS)
        if instead is error:
            raise
        raise instead from error


def keep_failure(error: Exception, ranks: Ranks, opened: Opened) -> Exception:
    """Writes an error into the run and gives what is to be raised for it; any rank, alone.

    That is the error itself on the rank that failed first, and Failed where a line says more than a traceback: for a
    full disk, and on a rank that fails because of another one, which is silent when that one has spoken.
    """
    rank = f"rank {ranks.rank} of {ranks.num_processes}: " if ranks.num_processes > 1 else ""
    when = "; ".join(getattr(error, "__notes__", ["before the first step"]))
    is_first = ranks.first_to_fail()
    if ranks.is_loss_of_a_rank(error):
        said = f"{rank}ended {when}: another rank is gone, or did not come\n  {str(error).partition('. This')[0]}"
        _record(opened, _said_by_another(opened) or said, when)
        mend = "find out whether it was killed (for its memory, say) or its machine is gone"
        return Failed(f"{said}\n  help: {mend}{_go_on(opened, ranks)}", aloud=is_first)
    _record(opened, f"{rank}{type(error).__name__}: {error}", when)
    if opened.run_path is not None:
        with suppress(OSError), (opened.run_path / f"error_rank{ranks.rank}.txt").open("a", encoding="utf-8") as file:
            file.write(f"{rank}{type(error).__name__}: {error}, {when}\n{traceback.format_exc()}\n")
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return Failed(_no_room(error, opened, ranks, f"{rank}ended {when}"), aloud=is_first)
    if isinstance(error, Failed) or (is_first and (ranks.is_main or not isinstance(error, Refused))):
        return error
    return Failed(str(error), aloud=is_first)


def _record(opened: Opened, what: str, when: str) -> None:
    if opened.run is not None:
        with suppress(OSError):  # there may be no room for it
            opened.run.event("failed", error=what, when=when)


def _said_by_another(opened: Opened) -> str:
    """The headline of what another rank has just written down; "" when that was killed or had no room to write."""
    for path in opened.run_path.glob("error_rank*.txt") if opened.run_path else ():
        if time.time() - path.stat().st_mtime < RECENT_SECONDS:
            headlines = [line for line in path.read_text("utf-8").splitlines() if line.startswith("rank ")]
            return headlines[-1] if headlines else ""
    return ""


def _no_room(error: OSError, opened: Opened, ranks: Ranks, where: str) -> str:
    return f"{where}: no room to write ({error})\n  help: make room{_go_on(opened, ranks)}"


def _go_on(opened: Opened, ranks: Ranks) -> str:
    if opened.run_path is None:
        return ""
    line = launch_line(opened.run_path, num_processes=ranks.num_processes)
    return f", then go on from the last checkpoint: {line}"
