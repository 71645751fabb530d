"""The rows of metrics.jsonl, one a step, at hardly more than the cost of writing out the numbers.

Half the time that the json module takes for a row of ten numbers is their `repr`: so the rest of the line is kept as a
template for the next row of the same keys. The line is what json would write, without blanks. What is checked of each
row is whatever shows that it is not as usual for one addition and two searches; such a row is written with care. It
refuses values that are not numbers.
"""

import json
from collections.abc import Mapping
from math import isfinite
from os import write as system_write
from pathlib import Path
from time import time as now

from harness.rows import RowWriter, short_write
from harness.summary import Summary

NUMBERS = frozenset((int, float))  # as written by repr; bools and numpy's numbers go the long way
MAX_KEPT_ROWS = 1_000  # until they are added to the summary, which then costs 0.3 us a row
MAX_TEMPLATES = 64
UNLIKE_NUMBERS = "TF"  # letters of True, False and Fraction(1, 3), which no number has that json would write


class MetricWriter:
    """Appends rows of metrics to one file and adds them to a summary. A row has been written when `write` returns."""

    def __init__(self, path: Path, *, segment: int, summary: Summary) -> None:
        self._file = RowWriter(path)
        self._descriptor = self._file.descriptor
        self._segment = segment
        self._summary = summary
        self._keys: tuple[str, ...] | None = None  # of the row before
        self._template = ""
        self._templates: dict[tuple[str, ...], str] = {}
        self._rows: list[tuple[float, ...]] = []  # of these keys, not in the summary yet: step, time, values

    def write(self, step: int, values: Mapping[str, float], seconds: float | None = None) -> bool:
        """Appends one row; `seconds` since 1970 is when, if not now. Returns whether all values are finite numbers.

        Raises OSError when the disk is full.
        """
        row = (step, seconds or now(), *values.values())
        total = sum(row)  # a float: numpy's and torch's numbers make it one of theirs
        if ((*values,) != self._keys and not self._take(values)) or type(total) is not float or not isfinite(total):
            return self._write_odd(step, values, seconds)
        text = self._template % row
        if "T" in text or "F" in text:  # UNLIKE_NUMBERS; a loop over them costs more than the addition
            return self._write_odd(step, values, seconds)
        line = text.encode()
        written = system_write(self._descriptor, line)
        if written != len(line):
            raise short_write(written, len(line))
        self._rows.append(row)
        if len(self._rows) >= MAX_KEPT_ROWS:
            self.fold()
        return True

    def fold(self) -> None:
        """Adds the rows since the last call to the summary."""
        if self._rows:
            steps, _, *columns = zip(*self._rows, strict=True)
            self._summary.add_columns(self._keys or (), steps, columns)
        self._rows = []

    def close(self) -> None:
        """Syncs the file to disk and closes it."""
        self._file.close()

    def _take(self, values: Mapping[str, float]) -> bool:
        """Turns to rows of these keys, unless a value is no plain number or a key has a letter that values may not."""
        keys = tuple(map(str, values))
        assert not {"step", "t", "seg"} & set(keys), keys
        if not NUMBERS.issuperset(map(type, values.values())) or set(UNLIKE_NUMBERS) & set("".join(keys)):
            return False
        self.fold()
        if keys not in self._templates:
            if len(self._templates) >= MAX_TEMPLATES:
                self._templates.clear()
            names = (json.dumps(key, ensure_ascii=False).replace("%", "%%") for key in keys)
            numbers = "".join(f",{name}:%r" for name in names)
            self._templates[keys] = f'{{"step":%d,"t":%.3f,"seg":{self._segment}{numbers}}}\n'
        self._keys, self._template = keys, self._templates[keys]
        return True

    def _write_odd(self, step: int, values: Mapping[str, float], seconds: float | None) -> bool:
        """A row that has something else than finite floats and ints in it, or a key that the quick way cannot take."""
        numbers = {key: value if type(value) in NUMBERS else float(value) for key, value in values.items()}
        self._file.write({"step": step, "t": round(seconds or now(), 3), "seg": self._segment, **numbers})
        self.fold()
        self._summary.add_row(step, numbers)
        return all(map(isfinite, numbers.values()))
