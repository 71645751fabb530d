"""A trace of a window of steps by torch's profiler, written into the run; it changes no number and times nothing else.

Only the main process is traced: one trace is what one person reads.
"""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch.profiler import ProfilerActivity, profile


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which steps are traced; the first step of a run is 1."""

    first_step: int
    num_steps: int


class Tracer:
    """Starts and ends the trace. Steps that a resumed run has behind it are not traced."""

    def __init__(self, window: Window | None, directory: Path | None, device: torch.device) -> None:
        self._window = window if directory is not None else None
        self._directory, self._device = directory, device
        self._running: profile | None = None
        self._first_step = self._last_step = 0

    def before(self, step: int) -> None:
        """The loop is about to do this step, of which the first is 1."""
        if self._window is None:
            return
        if self._running is None and step == self._window.first_step:
            activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (self._device.type == "cuda")
            self._running, self._first_step = profile(activities=activities, record_shapes=True), step
            self._running.start()
        elif self._running is not None and step == self._first_step + self._window.num_steps:
            self._end()
        self._last_step = step

    def _end(self) -> None:
        assert self._running is not None
        assert self._directory is not None
        self._running.stop()
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"steps_{self._first_step:08}_{self._last_step:08}.json"
        self._running.export_chrome_trace(str(path))
        self._running = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None:  # the run ended inside the window
            self._end()
