"""tools/rate --text in a real terminal: keys as a terminal sends them, votes on the disk, hostile texts inert."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.harness.rating.rated_runs import NAMES, write_run

RATE = Path(__file__).parents[3] / "tools" / "rate"
TIMEOUT_SECONDS = 100
pytestmark = pytest.mark.timeout(2 * TIMEOUT_SECONDS)
HOSTILE = "\x1b[2J\x1b]0;owned\x07 then \u202eback"


class Terminal:
    """tools/rate with a terminal of its own."""

    def __init__(self, root: Path) -> None:
        self.descriptor, inner = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, str(RATE), *NAMES, "--root", "runs", "--eval", "completions", "--text", "--rater", "mia"],
            cwd=root,
            stdin=inner,
            stdout=inner,
            stderr=inner,
        )
        os.close(inner)
        self.shown = ""
        self._num_waited_for = 0

    def until(self, words: str) -> None:
        """Reads until the words have come after those of the last time."""
        end = time.monotonic() + TIMEOUT_SECONDS
        while words not in self.shown[self._num_waited_for :]:
            assert time.monotonic() < end, self.shown
            assert select.select([self.descriptor], [], [], TIMEOUT_SECONDS)[0], self.shown
            self.shown += self._read()
        self._num_waited_for = self.shown.index(words, self._num_waited_for) + len(words)

    def press(self, keys: bytes) -> None:
        os.write(self.descriptor, keys)

    def ended(self) -> int:
        """The exit code, with all that is left read."""
        while piece := self._read():
            self.shown += piece
        os.close(self.descriptor)
        return self.process.wait(TIMEOUT_SECONDS)

    def _read(self) -> str:
        try:
            return os.read(self.descriptor, 65_536).decode("utf-8", "replace")
        except OSError:  # the other end is closed
            return ""


def presses(root: Path) -> list[dict[str, object]]:
    (path,) = (root / "runs/ratings").glob("*.jsonl")
    return [row for line in path.read_text().splitlines() if (row := json.loads(line)).get("event") != "rating"]


def test_votes_by_keys_are_kept_taken_back_and_gone_on_with(tmp_path: Path) -> None:
    for name, word in zip(NAMES, ("alpha", "beta"), strict=True):
        write_run(tmp_path / "runs", name, [f"{word} {at} {HOSTILE}" for at in range(3)])
    first = Terminal(tmp_path)
    first.until("q leave")
    first.press(b"\x1b[D")
    first.until("q leave")
    assert [row["event"] for row in presses(tmp_path)] == ["vote"], "on the disk before the next pair is shown"
    first.press(b"u")
    first.until("q leave")
    first.press(b"n")
    first.until("tag): ")
    first.press(b"odd #loops\n")
    first.until("noted")
    first.press(b"\x1bOC")
    first.until("q leave")
    first.press(b"q")
    assert first.ended() == 1
    assert "the same command goes on" in first.shown
    again = Terminal(tmp_path)
    again.until("1 of 4 done")  # three pairs, and one of them once more
    for key in (b"x", b"\x1b[B", b"j"):
        again.until("q leave")
        again.press(key)
    assert again.ended() == 0
    told = presses(tmp_path)
    assert [row["choice"] for row in told if row["event"] == "vote"] == ["left", "right", "both_bad", "tie", "tie"]
    assert [row["event"] for row in told][:3] == ["vote", "undo", "note"]
    for shown in (first.shown, again.shown):
        assert "\x1b[2J" not in shown
        assert "\x1b]0;" not in shown
        assert "\u202e" not in shown
        asked = shown[: shown.rindex("q leave")]
        assert "cannot tell" not in asked, "nothing is told before the last vote"


def test_keys_pressed_at_once_all_count(tmp_path: Path) -> None:
    for name, word in zip(NAMES, ("alpha", "beta"), strict=True):
        write_run(tmp_path / "runs", name, [f"{word} {at}" for at in range(3)])
    terminal = Terminal(tmp_path)
    terminal.until("q leave")
    terminal.press(b"h\x1b[Cq")
    assert terminal.ended() == 1
    assert [row["choice"] for row in presses(tmp_path)] == ["left", "right"]
