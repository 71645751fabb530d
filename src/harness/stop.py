"""SIGTERM and SIGINT ask for a stop at the next step boundary; a second signal, later, ends the process at once."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)
SAME_SIGNAL_SECONDS = 2.0  # launchers forward what the terminal or the scheduler already sent to the workers


class StopFlag:
    """What the signal handler sets and the loop reads. The ranks agree on it between steps, never in the handler."""

    def __init__(self) -> None:
        self.signal_name = ""
        self.since_seconds = 0.0
        self._parent = os.getppid()

    def __bool__(self) -> bool:
        return bool(self.signal_name)

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        now = time.monotonic()
        if os.getppid() != self._parent:  # the launcher died, which is one more way to be told of the same signal
            self._parent, self.since_seconds = os.getppid(), now
        if self and now - self.since_seconds > SAME_SIGNAL_SECONDS:
            os._exit(128 + number)  # the user is impatient: no clean-up may stand in the way
        if not self:
            self.signal_name, self.since_seconds = signal.Signals(number).name, now


@contextmanager
def stop_on_signal() -> Iterator[StopFlag]:
    """Installs the handler for the body of the `with`, and puts the old handlers back after it, except after an error.

    The launcher sends SIGTERM as soon as it misses another rank: by the old handler it would end this process before
    that has said why it fails.
    """
    flag = StopFlag()
    before = {number: signal.signal(number, flag.receive) for number in SIGNALS}
    yield flag
    for number, old in before.items():
        signal.signal(number, old)
