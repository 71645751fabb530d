"""The rows of metrics.jsonl, one a step, at hardly more than the cost of writing out the numbers.

Half the time that the json module takes for a row of ten numbers is their `repr`: so the rest of the line is kept as a
template for the next row of the same keys. The line is what json would write, without blanks. It refuses values that
are not numbers.
"""

import json
from collections.abc import Mapping
from math import isfinite
from os import write as system_write
from pathlib import Path
from time import time_ns as now_ns

from harness.rows import RowWriter, short_write
from harness.summary import Summary

NUMBERS = frozenset((int, float))  # as written by repr; bools and numpy's numbers go the long way
MAX_KEPT_ROWS = 1_000  # until they are added to the summary, which then costs 0.3 us a row
MAX_TEMPLATES = 64


class MetricWriter:
    """Appends rows of metrics to one file and adds them to a summary. A row has been written when `write` returns."""

    def __init__(self, path: Path, *, segment: int, summary: Summary) -> None:
        self._file = RowWriter(path)
        self._segment = segment
        self._summary = summary
        self._shape: tuple[object, ...] = (None,)  # keys and types of the row before
        self._keys: tuple[str, ...] = ()
        self._template = ""
        self._templates: dict[tuple[str, ...], str] = {}
        self._steps: list[int] = []  # of the rows of these keys that the summary has not seen
        self._rows: list[tuple[float, ...]] = []

    def write(self, step: int, values: Mapping[str, float], *, time_ns: int | None = None) -> bool:
        """Appends one row; `time_ns` is when, if not now. Returns whether all values are finite numbers.

        Raises OSError when the disk is full.
        """
        numbers = (*values.values(),)
        shape = (*values, *map(type, numbers))
        if (shape != self._shape and not self._take(shape, len(numbers))) or not isfinite(sum(numbers)):
            return self._write_odd(step, values, time_ns)
        seconds, milliseconds = divmod((time_ns or now_ns()) // 1_000_000, 1_000)
        line = (self._template % (step, seconds, milliseconds, *numbers)).encode()
        written = system_write(self._file.descriptor, line)
        if written != len(line):
            raise short_write(written, len(line))
        self._steps.append(step)
        self._rows.append(numbers)
        if len(self._rows) >= MAX_KEPT_ROWS:
            self.fold()
        return True

    def fold(self) -> None:
        """Adds the rows since the last call to the summary."""
        if self._rows:
            self._summary.add_columns(self._keys, self._steps, self._rows)
        self._steps, self._rows = [], []

    def close(self) -> None:
        """Syncs the file to disk and closes it."""
        self._file.close()

    def _take(self, shape: tuple[object, ...], num_keys: int) -> bool:
        """Turns to rows of this shape, unless something in it is no plain number."""
        keys = tuple(str(key) for key in shape[:num_keys])
        assert not {"step", "t", "seg"} & set(keys), keys
        if not NUMBERS.issuperset(shape[num_keys:]):
            return False
        self.fold()
        if keys not in self._templates:
            if len(self._templates) >= MAX_TEMPLATES:
                self._templates.clear()
            names = (json.dumps(key, ensure_ascii=False).replace("%", "%%") for key in keys)
            values = "".join(f",{name}:%r" for name in names)
            self._templates[keys] = f'{{"step":%d,"t":%d.%03d,"seg":{self._segment}{values}}}\n'
        self._shape, self._keys, self._template = shape, keys, self._templates[keys]
        return True

    def _write_odd(self, step: int, values: Mapping[str, float], time_ns: int | None) -> bool:
        """A row that has something else than finite floats and ints in it."""
        numbers = {key: value if type(value) in NUMBERS else float(value) for key, value in values.items()}
        seconds = round((time_ns or now_ns()) / 1e9, 3)
        self._file.write({"step": step, "t": seconds, "seg": self._segment, **numbers})
        self.fold()
        self._summary.add_row(step, numbers)
        return all(map(isfinite, numbers.values()))
