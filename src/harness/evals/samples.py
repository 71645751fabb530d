"""The rows of one eval at one step: on disk as they come, and a whole folder at the end or none.

    evals/NAME/.running_step_00000200/{samples.jsonl,key.json}     while it runs, and after a kill
    evals/NAME/step_00000200/{samples.jsonl,result.json}           at the end, by one rename; rows sorted by id
    evals/NAME/step_00000200.before_20261123T171503Z/              a result that a later one took the place of

A kill loses the row that was being written and no other: whoever comes next with the same key keeps the rest. No row is
ever changed.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.rows import WORDS, RowWriter, finite, read

SAMPLES, RESULT, KEY = "samples.jsonl", "result.json", "key.json"


class Samples:
    """An eval being written, on the main process. `kept` has the rows that an earlier, killed start left, by id.

    `key` is all that the rows depend on; without one nothing is kept.
    """

    def __init__(self, final: Path, key: Mapping[str, Any]) -> None:
        self._final = final
        self._beside = final.parent / f".running_{final.name}"
        self._key = plain(key)
        self.kept = self._rows_of_a_killed_start()
        if not self.kept:
            shutil.rmtree(self._beside, ignore_errors=True)
            self._beside.mkdir(parents=True)
            (self._beside / KEY).write_text(json.dumps(self._key))
        self._writer = RowWriter(self._beside / SAMPLES)

    def write(self, row: Mapping[str, Any]) -> None:
        """Appends a row. Raises OSError when the disk is full."""
        self._writer.write(row)

    def finish(self, rows: list[dict[str, Any]], result: Mapping[str, Any], *, keep_older: bool) -> None:
        """Makes the folder whole: all rows, sorted, beside the result.

        One that stands there is set aside under another name, or replaced when it says the same (`keep_older=False`).
        """
        self._writer.close()
        in_order = RowWriter(self._beside / f".sorted_{SAMPLES}")
        for row in rows:
            in_order.write(row)
        in_order.close()
        (self._beside / f".sorted_{SAMPLES}").replace(self._beside / SAMPLES)
        write_json(self._beside / RESULT, result)
        (self._beside / KEY).unlink()
        if self._final.exists() and keep_older:
            set_aside(self._final)
        elif self._final.exists():
            shutil.rmtree(self._final)
        self._beside.rename(self._final)

    def _rows_of_a_killed_start(self) -> dict[str, dict[str, Any]]:
        """The rows without an error: those get another chance."""
        if not self._key:
            return {}
        try:
            key = json.loads((self._beside / KEY).read_bytes())
            rows = read(self._beside / SAMPLES)
        except (OSError, ValueError):
            return {}
        if not key or key != self._key:
            return {}
        return {str(row["id"]): row for row in rows if "id" in row and not row.get("error")}


def set_aside(folder: Path) -> Path:
    """Gives a result another name, with the time, so that a later one can stand in its place; no byte changes."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    tries = (folder.with_name(f"{folder.name}.before_{stamp}{'_' * more}") for more in range(100))
    aside = next(name for name in tries if not name.exists())
    folder.rename(aside)
    return aside


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """A JSON file, on disk when this returns."""
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(finite(value), indent=1, allow_nan=False, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back: tuples are lists."""
    back: dict[str, Any] = json.loads(json.dumps(value))
    return back


def with_numbers(row: dict[str, Any], scores: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A row from disk whose scores are numbers again where they are not finite; texts stay texts."""
    fields = {score[name] for score in scores.values() for name in ("field", "per") if score.get(name)}
    return {
        key: WORDS[value] if key in fields and isinstance(value, str) and value in WORDS else value
        for key, value in row.items()
    }
