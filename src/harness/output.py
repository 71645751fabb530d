"""Keeps stdout and stderr of a run as they are: of Python, of C libraries, and the traceback that ends it.

Both are taken at the level of file descriptors, through a small process (tee.py) that passes everything on. The
terminal itself stays at hand for a progress bar, which belongs on a screen and not into a file.
"""

import ctypes
import io
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from harness.launch import Failed, Refused

SOURCE = Path(__file__).parents[1]
START = "import sys; sys.path.insert(0, {!r}); import runpy; runpy.run_module('harness.tee', run_name='__main__')"
STDOUT, STDERR = 1, 2
LINE_BUFFERED = 1  # _IOLBF of <stdio.h>
PASSED_ON = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # no RANK, as it is no worker, and no secret
MAX_WAIT_SECONDS = 2.0  # for the last words, at the end


class Output:
    """What becomes of stdout and stderr. `terminal` is the screen when stdout is one, past the file."""

    def __init__(self, control: int, terminal: TextIO | None) -> None:
        self._control = control
        self._is_named = False
        self.terminal = terminal

    def keep_in(self, run_path: Path, *, rank: int, num_processes: int) -> None:
        """Says which run's file takes all that was said since the start and will be said. Once."""
        name = "output.txt" if num_processes == 1 else f"output_rank{rank}.txt"
        self._tell(os.fsencode(run_path.absolute() / name) + b"\n")
        self._is_named = True

    def note(self, text: str) -> None:
        """Adds text to the file alone; nothing before it has a name."""
        if self._is_named:
            self._tell(text.encode("utf-8", "surrogateescape"))

    def _tell(self, message: bytes) -> None:
        with suppress(OSError):  # the process beside is gone, and with it the file
            os.write(self._control, message)


@contextmanager
def kept_output() -> Iterator[Output]:
    """Takes stdout and stderr for the body of the `with`; gives them back after it, when all of it has been passed on.

    A traceback that leaves the body goes into the file; printing it is the caller's business.
    """
    _flush()
    before = {stream: os.dup(stream) for stream in (STDOUT, STDERR)}
    terminal = os.fdopen(os.dup(STDOUT), "w", encoding="utf-8") if os.isatty(STDOUT) else None
    control, tee = _start(before)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a kill then loses no whole line
    output = Output(control, terminal)
    try:
        yield output
    except (Refused, Failed) as error:
        output.note(f"{error}\n")
        raise
    except Exception:
        output.note(traceback.format_exc())
        raise
    finally:
        _flush()
        for stream, old in before.items():
            os.dup2(old, stream)
            os.close(old)
        os.close(control)
        with suppress(subprocess.TimeoutExpired):  # another process may still have the pipe
            tee.wait(MAX_WAIT_SECONDS)


def _start(before: dict[int, int]) -> tuple[int, "subprocess.Popen[bytes]"]:
    """Starts the process and puts its pipes in the place of stdout and stderr: one for both when both went one way."""
    control_read, control = os.pipe()
    pipes = {STDOUT: os.pipe()}
    same = os.path.samestat(os.fstat(before[STDOUT]), os.fstat(before[STDERR]))  # one pipe keeps the order of the two
    if not same:
        pipes[STDERR] = os.pipe()
    pairs = [f"{read}:{before[stream]}" for stream, (read, _) in pipes.items()]
    reads = [control_read, *(read for read, _ in pipes.values())]
    tee = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", START.format(str(SOURCE)), str(control_read), *pairs],
        stdin=subprocess.DEVNULL,
        env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
        pass_fds=[*reads, *before.values()],
        process_group=0,  # Ctrl-C and a kill of the group are for the run; its last words come after them
    )
    for stream in (STDOUT, STDERR):
        os.dup2(pipes.get(stream, pipes[STDOUT])[1], stream)
    for descriptor in (*reads, *(write for _, write in pipes.values())):
        os.close(descriptor)
    _buffer_lines_of_c()
    return control, tee


def _buffer_lines_of_c() -> None:
    """C too writes whole lines at once: into a pipe it would wait for 4 kB of them, and a kill would lose these."""
    with suppress(OSError, ValueError):  # no such library, or another name for the stream
        library = ctypes.CDLL(None)
        library.setvbuf(ctypes.c_void_p.in_dll(library, "stdout"), None, LINE_BUFFERED, 0)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    with suppress(OSError):
        ctypes.CDLL(None).fflush(None)
