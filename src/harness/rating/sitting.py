"""A sitting: one rater, two runs, one eval, one file of runs/ratings/ that one process holds.

Every press is one write that is on the disk before the next pair is given out. A sitting that was killed goes on where
it stopped, from its file alone. The standard library alone; nothing here draws a page.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.analysis import remarks
from harness.claim import NO_LOCKS
from harness.launch import Refused
from harness.rating.pairs import Pair, Pairs
from harness.rating.schedule import Showing, repeats_in
from harness.rating.votes import TAG, Choice, standing
from harness.rows import RowWriter, read

MAX_CHARACTERS = 10_000  # of a note
MAX_MILLISECONDS = 86_400_000  # a day: who left the page open was not reading


class NotNext(Exception):
    """A press for a pair that is not the one to press for: another tab was there first."""


class Sitting:
    """The state of one file, which no other process may have open. Raises Refused."""

    def __init__(self, path: Path, pairs: Pairs) -> None:
        self.path, self.pairs = path, pairs
        self._lock = _locked(path)
        self.start, *rows = read(path)
        self.shown = [Showing(name, left) for name, left in self.start["shown"]]
        self.is_repeat = repeats_in(self.shown)
        self.num_done = len(standing(rows))
        if self.start["texts_sha256"] != texts_sha256(pairs, self.shown):
            raise Refused(
                f"{path}: the texts of {pairs.eval} are no longer those that it was begun with\n"
                "  help: --seed N begins another"
            )

    def __len__(self) -> int:
        return len(self.shown)

    @property
    def is_done(self) -> bool:
        """Whether the last pair has its vote, so that names may be told."""
        return self.num_done == len(self.shown)

    def pair(self, index: int) -> tuple[str, str, str]:
        """Prompt, left text and right text of one showing."""
        name, left = self.shown[index]
        pair = self.pairs.pairs[name]
        return (pair.prompt, pair.a, pair.b) if left == "a" else (pair.prompt, pair.b, pair.a)

    def vote(self, index: int, choice: Choice, milliseconds: int) -> None:
        """Stores one press. Raises NotNext, and OSError when the disk is full: the vote then does not stand."""
        self._expect(index, self.num_done)
        showing = self.shown[index]
        sides = {"left": showing.left, "right": showing.right}
        names = {side: self.pairs.name_of(run) for side, run in sides.items()}
        addresses = {side: self.pairs.address(run, showing.id) for side, run in sides.items()}
        if not self.is_repeat[index]:
            self._say_about_samples(index, [{"event": "looked"}])
        self._append(
            "vote",
            index,
            choice=choice,
            preferred=names.get(choice),
            left=names["left"],
            addresses=addresses,
            is_repeat=self.is_repeat[index],
            ms=min(max(0, milliseconds), MAX_MILLISECONDS),
            seed=self.start["seed"],
        )

    def undo(self, index: int) -> None:
        """Takes the last vote back, with a row of its own. Raises NotNext, OSError."""
        if self.is_done:
            raise NotNext("the runs have been named: no vote can be taken back any more")
        self._expect(index, self.num_done - 1)
        self._append("undo", index)

    def note(self, index: int, text: str) -> None:
        """Stores a remark about a pair that has been shown. Raises NotNext, OSError, ValueError for its length."""
        if not 0 <= index <= min(self.num_done, len(self) - 1):
            raise NotNext("that pair has not been shown yet")
        if not text.strip() or len(text) > MAX_CHARACTERS:
            raise ValueError(f"a note has 1 to {MAX_CHARACTERS:,} characters")
        self._append("note", index, text=text)
        said = [{"event": "sample_tag", "text": tag} for tag in dict.fromkeys(TAG.findall(text))]
        self._say_about_samples(index, said)

    def close(self) -> None:
        """Lets another process have the file."""
        os.close(self._lock)

    def _expect(self, index: int, wanted: int) -> None:
        if index != wanted or not 0 <= index < len(self):
            raise NotNext("that press was not stored: another tab was there first, and this is where it stands now")

    def _say_about_samples(self, index: int, said: Sequence[Mapping[str, Any]]) -> None:
        """Rows about both texts of a pair, where tools/look writes its own: read there, counted there, tagged there."""
        pairs, name = self.pairs, self.shown[index].id
        samples = [
            {"run": run, "eval": pairs.eval, "step": step, "id": name}
            for run, step in ((pairs.a, pairs.step_a), (pairs.b, pairs.step_b))
        ]
        if said:
            remarks.append(self.path.parent.parent, [{**one, **sample} for one in said for sample in samples])

    def _append(self, event: str, index: int, **fields: Any) -> None:
        """One row, synced. Where that fails, the file says what stands: the row may be there, whole or in part."""
        kept = {key: self.start[key] for key in ("run", "against", "eval", "rater")}
        row = {"event": event, "t": now(), **kept, "index": index, "id": self.shown[index].id, **fields}
        try:
            append(self.path, row)
        except OSError:
            self.num_done = len(standing(read(self.path)))
            raise
        self.num_done += {"vote": 1, "undo": -1}.get(event, 0)


def append(path: Path, row: Mapping[str, Any]) -> None:
    """One row, on the disk when this returns. A row that an earlier failure tore is closed off first."""
    writer = RowWriter(path)
    try:
        writer.write(row)
    finally:
        writer.close()


def now() -> float:
    """Seconds since 1970, to the millisecond, as in every row of the store."""
    return round(time.time(), 3)


def texts_sha256(pairs: Pairs, shown: list[Showing]) -> str:
    """Of all texts of a sitting: its votes are about these and no others. An id that is gone has none."""
    digest = hashlib.sha256()
    for name in sorted({showing.id for showing in shown}):
        pair = pairs.pairs.get(name, Pair(id=name, prompt="", a="", b=""))
        for text in (name, pair.prompt, pair.a, pair.b):
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def _locked(path: Path) -> int:
    """A descriptor that holds the file for this process; the kernel lets go however that ends."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Refused(
            f"{path} is open in another tools/rate\n  help: go on in its page, or end it and start this again"
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    return descriptor
