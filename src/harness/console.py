"""What the user sees: lines, a progress bar on a terminal, one line an interval elsewhere; log.txt keeps all lines."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Console:
    """Speaks on the main process and is silent on the others.

    `terminal` is the screen where stdout is kept and therefore a pipe (harness/output.py): only the bar goes there.
    """

    def __init__(self, *, speaks: bool, terminal: TextIO | None = None) -> None:
        self._speaks = speaks
        self._terminal = terminal
        self._log: list[str] | Path = []  # lines wait here until the run has a directory
        self._bar: tuple[Progress, TaskID] | None = None

    def keep_log(self, path: Path) -> None:
        """From now on (and for what was said before) every line also goes to this file."""
        lines, self._log = self._log, path
        if isinstance(lines, list):
            for line in lines:
                self._write(line)

    def say(self, line: str = "") -> None:
        """Prints a line (or several) and logs it."""
        if not self._speaks:
            return
        if self._bar is not None and self._terminal is None:
            self._bar[0].console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, flush=True)
        self._write(line)

    def start_progress(self, *, num_steps: int, done: int) -> None:
        """Shows a bar on a terminal; elsewhere the lines of `progress` are enough."""
        screen = self._terminal or sys.stdout
        if not (self._speaks and screen.isatty()):
            return
        from rich.console import Console as Screen
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[numbers]}"), TimeRemainingColumn())
        is_shared = self._terminal is None  # lines and bar go the same way, and rich keeps them apart
        bar = Progress(
            *columns,
            transient=True,
            console=Screen(file=screen),
            redirect_stdout=is_shared,
            redirect_stderr=is_shared,
        )
        bar.start()
        self._bar = (bar, bar.add_task("train", total=num_steps, completed=done, numbers=""))

    def progress(self, step: int, num_steps: int, numbers: str) -> None:
        """Reports an interval of training: `step` updates are done."""
        line = f"step {step:>{len(str(num_steps))}}/{num_steps}  {numbers}"
        if self._bar is not None:
            self._bar[0].update(self._bar[1], completed=step, numbers=numbers)
            self._write(line)
        else:
            self.say(line)

    def end_progress(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar[0].stop()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_progress()

    def _write(self, line: str) -> None:
        if isinstance(self._log, list):
            self._log.append(line)
        else:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def table(rows: Sequence[Sequence[str]], *, indent: str = "  ") -> str:
    """Columns aligned by blanks: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)
