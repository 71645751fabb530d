"""Writes checkpoints beside the training: training stops for a copy of the state, and a thread writes the copy.

One copy and one thread: a save that is asked for while another is under way waits for that one. What is written is the
state of the step at which it was asked for, to the bit. The thread calls no collective and touches no weight.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from harness.host_copy import HostCopy
from harness.train_state import Contents, TrainState


class SavesBeside:
    """The thread, its memory, and the save that is under way. Leaving the `with` waits for that, whatever happened."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="save")
        self._copy = HostCopy()
        self._under_way: Future[None] | None = None

    def save(self, state: TrainState, write: Callable[[Contents, float], None]) -> None:
        """Copies the state and lets the thread call `write(copy, seconds)`; the seconds are those spent in here.

        Waits first for an earlier save that is still under way, and raises what that one raised.
        """
        started = time.perf_counter()
        self.wait()
        contents = state.contents().copied(self._copy)
        self._under_way = self._thread.submit(write, contents, time.perf_counter() - started)

    def check(self) -> None:
        """Raises what the last save raised, if it is over; takes no time."""
        if self._under_way is not None and self._under_way.done():
            self.wait()

    def wait(self) -> None:
        """Returns when nothing is under way any more; raises what the last save raised, once."""
        if self._under_way is not None:
            under_way, self._under_way = self._under_way, None
            under_way.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        if error is None:
            self.wait()
        elif self._under_way is not None and (failure := self._under_way.exception()):
            error.add_note(f"a save failed too: {failure}")
