"""What state a run is in, from what it has written: nothing stores a state, so a dead run needs no cleaning up.

The order of rows in a file decides, never their times: clocks go backwards. Only whether a run that has not closed is
still alive is a question of time, and then of the last heartbeat in its file alone.

    python -m harness.state runs/ID         prints it, for scripts that put a run back into a queue
"""

import sys
import time
from pathlib import Path

from harness.rows import last_rows

ALIVE_PERIODS = 3  # a heartbeat older than this many periods is that of a run that is gone
UNTIL_FIRST_BEAT_SECONDS = 20.0  # from the record of a run to its first heartbeat
STARTS = ("started", "resumed")
# The last word of a run, and the state it leaves the run in. `stopped` is what the first runs called it.
ENDS = {"finished": "finished", "preempted": "preempted", "failed": "failed", "stopped": "preempted"}


def state_of(directory: Path, *, now: float | None = None) -> str:
    """`running`, `finished`, `preempted`, `failed` or `crashed`; `now` is in seconds since 1970."""
    kinds = [row["event"] for row in last_rows(directory / "events.jsonl") if row.get("event") in (*STARTS, *ENDS)]
    if kinds and kinds[-1] in ENDS:
        return ENDS[kinds[-1]]
    return "running" if _is_alive(directory, time.time() if now is None else now) else "crashed"


def _is_alive(directory: Path, now: float) -> bool:
    beats = last_rows(directory / "system.jsonl", num_bytes=8_192)
    if beats:
        return abs(now - float(beats[-1]["t"])) <= ALIVE_PERIODS * float(beats[-1]["period"])
    record = directory / "run.json"
    return record.exists() and abs(now - record.stat().st_mtime) <= UNTIL_FIRST_BEAT_SECONDS


def _main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not (Path(arguments[0]) / "run.json").is_file():
        given = f"{' '.join(arguments)}: no run has begun there" if arguments else "no run is named"
        print(f"{given}\n  help: python -m harness.state runs/22_lr_001_23-20260101T000000Z-9f3a", file=sys.stderr)
        return 2
    print(state_of(Path(arguments[0])))
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
