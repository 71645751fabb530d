"""A table that fits the width of a terminal: wide cells are cut, then the least needed columns left out and named."""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.comparison.address import visible

GAP = 2  # blanks between columns
PIPED_WIDTH = 160  # where no terminal says how wide it is
CUT = "…"
HEAD_WIDTH = 8  # a title may be as wide as this before it breaks
MAX_HEAD_LINES = 2
NICE_TO_HAVE = 7  # columns of this need or more go before any cell is cut
WORD = re.compile(r"[^_/ ]+[_/ ]*|[_/ ]+")


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: `least` is the width that its cells may be cut to, `need` its rank when not all have room."""

    title: str
    cells: Sequence[str]
    right: bool = True
    least: int | None = None
    need: int = 0  # columns with the highest number go first; 0 always stays
    asked: bool = False  # somebody named it, so it is shown though all of its cells are empty

    @property
    def width(self) -> int:
        """The width that shows all of it."""
        return max(*map(len, self.head), *map(len, self.cells), 0)

    @property
    def head(self) -> list[str]:
        """The title on one line, or on two where the cells are narrow: `bits_` above `per_byte`."""
        room = max(HEAD_WIDTH, *map(len, self.cells), 0)
        lines = [""]
        for word in WORD.findall(self.title):
            if lines[-1] and len(lines[-1] + word) > room and len(lines) < MAX_HEAD_LINES:
                lines.append("")
            lines[-1] += word
        return lines


def screen_width() -> int:
    """The columns of the terminal, as COLUMNS or the terminal itself say; of a pipe enough for a wide one."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return PIPED_WIDTH
    return shutil.get_terminal_size().columns


def fitted(columns: Sequence[Column], width: int) -> tuple[str, list[str]]:
    """The lines of the table, and the titles of the columns that found no room."""
    kept = [_seen(column) for column in columns if any(column.cells) or column.asked or column.need == 0]
    left_out: list[str] = []
    for needed, width_of in ((NICE_TO_HAVE, _full), (1, _least)):
        while width_of(kept) > width and any(column.need >= needed for column in kept):
            worst = max(reversed(kept), key=lambda column: column.need)  # of equals the last
            kept.remove(worst)
            left_out.insert(0, worst.title)
    widths = _widths(kept, width)
    num_head_lines = max(len(column.head) for column in kept)
    heads = [[""] * (num_head_lines - len(column.head)) + column.head for column in kept]
    columns_cut = [
        [*(_cut(head, width) for head in heads_of), *_all_cut(column.cells, width)]
        for column, heads_of, width in zip(kept, heads, widths, strict=True)
    ]
    lines = [
        (" " * GAP)
        .join(
            text.rjust(width) if column.right else text.ljust(width)
            for text, width, column in zip(row, widths, kept, strict=True)
        )
        .rstrip()
        for row in zip(*columns_cut, strict=True)
    ]
    return "\n".join(lines), left_out


def _seen(column: Column) -> Column:
    """The column on one line a row, whatever its texts hold: a sample has line ends, a key may have anything."""
    return replace(column, title=visible(column.title), cells=[visible(cell) for cell in column.cells])


def _full(columns: Sequence[Column]) -> int:
    return sum(column.width + GAP for column in columns) - GAP


def _least(columns: Sequence[Column]) -> int:
    return sum(min(column.width, column.least or column.width) + GAP for column in columns) - GAP


def _widths(columns: Sequence[Column], width: int) -> list[int]:
    """The full width of each column, less what is too much, taken from the widest that may be cut."""
    widths = [column.width for column in columns]
    while sum(widths) + GAP * (len(widths) - 1) > width:
        spare = [(widths[at], at) for at, column in enumerate(columns) if widths[at] > (column.least or column.width)]
        if not spare:
            break
        widths[max(spare)[1]] -= 1
    return widths


def _all_cut(cells: Sequence[str], width: int) -> list[str]:
    """The cells within this width; those that would look like another that differs are cut in their middle."""
    cut = [_cut(cell, width) for cell in cells]
    meant: dict[str, set[str]] = {}
    for cell, text in zip(cells, cut, strict=True):
        meant.setdefault(text, set()).add(cell)
    return [
        _cut(cell, width, num_last=(width - 1) // 3) if len(meant[text]) > 1 else text
        for cell, text in zip(cells, cut, strict=True)
    ]


def _cut(text: str, width: int, *, num_last: int = 0) -> str:
    if len(text) <= width:
        return text
    return text[: max(0, width - 1 - num_last)] + CUT + text[len(text) - num_last :]
