"""The small process beside a run through which its stdout and stderr go: on to where they went before, and into a file.

It is a process and not a thread, so that words of a C library cannot wait for a thread that waits for Python's lock,
and so that the last words of a run that was killed still reach the file. It ends when everybody who could write has
ended. It keeps what was said before the run had a directory, up to a bound; secrets stay out of the file only.
"""

import os
import select
import signal
import sys
from contextlib import suppress

from harness.redact import clean_bytes

MAX_EARLY_BYTES = 1 << 20  # until the file has a name
MAX_FILE_BYTES = 100 << 20
MAX_LINE_BYTES = 1 << 16  # a longer one, as bars without a newline make, is written in pieces
READ_BYTES = 1 << 16
CLEAR_LINE = b"\r\x1b[2K"  # takes a progress bar away, which is drawn again below


class Kept:
    """The file: whole lines only, without secrets, until it is as large as it may be or the disk is full."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._waiting = b""
        self._room = MAX_FILE_BYTES

    def open(self, path: bytes) -> None:
        """From now on, and for what waits, lines go to this file; if it cannot be made, nowhere."""
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError:
            return
        self.add(b"")

    def add(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Takes what was said."""
        self._waiting += chunk
        if self._descriptor < 0:
            self._waiting = self._waiting[:MAX_EARLY_BYTES]
            return
        end = self._waiting.rfind(b"\n") + 1
        if is_last or len(self._waiting) - end > MAX_LINE_BYTES:
            end = len(self._waiting)
        lines, self._waiting = self._waiting[:end], self._waiting[end:]
        if lines and self._room:
            self._write(clean_bytes(lines)[0])

    def _write(self, lines: bytes) -> None:
        if len(lines) >= self._room:
            lines = lines[: self._room] + f"\n[the rest is left out: {MAX_FILE_BYTES:,} bytes are kept]\n".encode()
        self._room = max(0, self._room - len(lines))
        with suppress(OSError):  # a full disk: training finds out itself, and what it says still reaches the terminal
            os.write(self._descriptor, lines)


class Target:
    """Where a stream went before; a terminal has its bar cleared before a new line."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._clears = os.isatty(descriptor)
        self._at_line_start = True

    def write(self, chunk: bytes) -> None:
        """Passes it on; a terminal or a reader that is gone is no reason to stop."""
        rest = CLEAR_LINE + chunk if self._clears and self._at_line_start else chunk
        self._at_line_start = chunk.endswith(b"\n")
        with suppress(OSError):
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]


def main(control: int, streams: dict[int, int]) -> None:
    """Passes on each stream (pipe: where it goes) until all pipes are at their end.

    The first line that comes by `control` names the file; what comes after it goes into the file alone, at its end.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTTOU, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    kept = Kept()
    targets = {pipe: Target(descriptor) for pipe, descriptor in streams.items()}
    told = b""
    poll = select.poll()
    pipes = {control, *targets}
    for pipe in pipes:
        poll.register(pipe, select.POLLIN)
    while pipes:
        for pipe, _ in poll.poll():
            chunk = os.read(pipe, READ_BYTES)
            if not chunk:
                poll.unregister(pipe)
                pipes.remove(pipe)
            elif pipe == control:
                if b"\n" not in told and b"\n" in chunk:
                    kept.open((told + chunk).partition(b"\n")[0])
                told += chunk
            else:
                targets[pipe].write(chunk)
                kept.add(chunk)
    kept.add(told.partition(b"\n")[2], is_last=True)


if __name__ == "__main__":
    pairs = [word.split(":") for word in sys.argv[2:]]
    main(int(sys.argv[1]), {int(pipe): int(target) for pipe, target in pairs})
