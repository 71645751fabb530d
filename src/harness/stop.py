"""SIGTERM, SIGINT and SIGHUP ask for a stop at the next step boundary; a second one, later, ends it all at once."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # the last when a terminal or an ssh connection is closed
STDERR = 2
SAME_SIGNAL_SECONDS = 2.0  # launchers forward what the terminal or the scheduler already sent to the workers


class StopFlag:
    """What the signal handler sets and the loop reads. The ranks agree on it between steps, never in the handler."""

    def __init__(self, *, speaks: bool = False) -> None:
        self._speaks = speaks
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
            said = f"{self.signal_name}: stops after this step or eval, and saves; another one ends it at once\n"
            with suppress(OSError):  # a terminal that is gone; past Python's buffers, in which the signal may have come
                os.write(STDERR, said.encode() if self._speaks else b"")


@contextmanager
def stop_on_signal(*, speaks: bool = False) -> Iterator[StopFlag]:
    """Installs the handler for the body of the `with`, and puts the old handlers back after it, except after an error.

    A SIGHUP that nohup has turned off stays so. The launcher sends SIGTERM as soon as it misses another rank: by the
    old handler it would end this process before that has said why it fails.
    """
    flag = StopFlag(speaks=speaks)
    heard = [each for each in SIGNALS if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]
    before = {number: signal.signal(number, flag.receive) for number in heard}
    yield flag
    for number, old in before.items():
        signal.signal(number, old)
