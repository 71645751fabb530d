"""Rating in the terminal, with the keys of the page: arrows, x, n, u. Ctrl-C or q leaves; nothing is lost.

Texts are shown with marks for what cannot be seen, and cut to what a screen can hold.
"""

import os
import select
import shutil
import sys
import termios
import textwrap
import time
import tty
from typing import TextIO

from harness.comparison.address import visible
from harness.rating.sitting import Sitting
from harness.rating.votes import Choice

# What terminals send for the arrows, in both of their modes, and letters for those who have none.
CHOICES: dict[bytes, Choice] = {
    b"\x1b[D": "left",
    b"\x1bOD": "left",
    b"h": "left",
    b"\x1b[C": "right",
    b"\x1bOC": "right",
    b"l": "right",
    b"\x1b[B": "tie",
    b"\x1bOB": "tie",
    b"j": "tie",
    b"x": "both_bad",
}
ESCAPE, ESCAPE_SECONDS = b"\x1b", 0.05  # the rest of an arrow follows at once, or it was the key Escape
HELP = "← left is better   → right is better   ↓ tie   x both bad   n note   u undo   q leave"
MAX_LINES, MAX_CHARACTERS = 400, 40_000  # of one text


def rate_in_terminal(sitting: Sitting) -> bool:
    """Asks until the last pair has its vote; False when the rater leaves before. Needs a terminal."""
    while not sitting.is_done:
        index = sitting.num_done
        print(f"\n{'─' * _width()}\n{_shown(sitting, index)}\n{HELP}", flush=True)
        started = time.monotonic()
        while sitting.num_done == index:
            key = _key(sys.stdin)
            if key in {b"q", b"\x03", b"\x04", b""}:
                return False
            if key in CHOICES:
                sitting.vote(index, CHOICES[key], int(1000 * (time.monotonic() - started)))
            elif key == b"u" and index:
                sitting.undo(index - 1)
            elif key == b"n":
                _note(sitting, index)
    return True


def _note(sitting: Sitting, index: int) -> None:
    try:
        text = input("note (#word is a tag): ")
    except EOFError:
        return
    if text.strip():
        sitting.note(index, text[:10_000])
        print("noted", flush=True)


def _shown(sitting: Sitting, index: int) -> str:
    prompt, left, right = sitting.pair(index)
    head = f"{index + 1} of {len(sitting)}"
    parts = [("prompt", prompt)] if prompt else []
    return "\n".join([head, *(_block(name, text) for name, text in [*parts, ("LEFT", left), ("RIGHT", right)])])


def _block(name: str, text: str) -> str:
    lines = []
    for line in visible(text[:MAX_CHARACTERS].expandtabs(4), keep="\n").split("\n")[: MAX_LINES + 1]:
        lines += textwrap.wrap(line, _width() - 4, drop_whitespace=False, replace_whitespace=False) or [""]
    cut = [f"… {len(lines) - MAX_LINES:,} more lines"] if len(lines) > MAX_LINES else []
    cut += [f"… {len(text) - MAX_CHARACTERS:,} more characters"] if len(text) > MAX_CHARACTERS else []
    return "\n".join([f"\n{name}", *(f"  │ {line}" for line in lines[:MAX_LINES] + cut)])


def _width() -> int:
    return max(40, min(160, shutil.get_terminal_size().columns))


def _key(stream: TextIO) -> bytes:
    """One press: a byte, or the three of an arrow. What was pressed after it stays for the next call."""
    descriptor = stream.fileno()
    kept = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSADRAIN)  # keys that came too early count too
        first = os.read(descriptor, 1)
        is_arrow = first == ESCAPE and select.select([descriptor], [], [], ESCAPE_SECONDS)[0]
        return first + os.read(descriptor, 2) if is_arrow else first
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, kept)
