"""Says every few seconds that the run is alive, and what it costs: one thread, one row of system.jsonl at a time.

The thread ends with the run and holds nothing up: a row that cannot be written is left out, because training itself
finds out when the disk is full, and says so.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.rows import RowWriter

PERIOD_SECONDS = 5.0  # a row costs about 0.3 ms
MAX_WAIT_SECONDS = 2.0  # for the thread's last row, at the close


class Heartbeat:
    """Rows of system.jsonl from now until `close`; the first one is there when this returns.

    `sample` gives what is to be said beside time, segment and period. It is called in the thread.
    """

    def __init__(
        self, path: Path, *, segment: int, sample: Callable[[], dict[str, Any]], period_seconds: float = PERIOD_SECONDS
    ) -> None:
        self._rows = RowWriter(path)
        self._segment = segment
        self._sample = sample
        self._period_seconds = period_seconds
        self._opened = time.monotonic()
        self._closing = threading.Event()
        self._beat()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    @property
    def uptime_seconds(self) -> float:
        """Since this segment was opened, by a clock that never goes backwards."""
        return time.monotonic() - self._opened

    def close(self) -> None:
        """Writes a last row and ends the thread."""
        self._closing.set()
        self._thread.join(MAX_WAIT_SECONDS)
        if not self._thread.is_alive():
            self._rows.close()

    def _run(self) -> None:
        while not self._closing.wait(self._period_seconds):
            with suppress(OSError):
                self._beat()
        with suppress(OSError):
            self._beat()

    def _beat(self) -> None:
        said = {
            "t": round(time.time(), 3),
            "seg": self._segment,
            "period": self._period_seconds,
            "uptime": round(self.uptime_seconds, 3),
        }
        self._rows.write({**said, **self._sample()})
