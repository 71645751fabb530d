"""A watch on the other processes of this machine: when one is gone before the end, this one goes too, and soon.

A collective notices by itself that a rank is gone. This is for the rank that is not in one: in the middle of an eval or
of a save it would go on for minutes, until the launcher kills it.
"""

import os
import select
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from harness.ranks import Ranks

GRACE_SECONDS = 5  # for the main thread to find out by itself, and to say more about it


@contextmanager
def watched_peers(ranks: Ranks) -> Iterator[None]:
    """Ends this process with code 1 when another one of this machine ends during the body of the `with`. All ranks.

    Leaves only when all ranks have come to the end of the body. Linux only: elsewhere the launcher has to do it.
    """
    if ranks.num_processes == 1 or not hasattr(os, "pidfd_open"):
        yield
        return
    here = (socket.gethostname(), os.getpid())
    peers = [os.pidfd_open(pid) for host, pid in ranks.gather(here) if host == here[0] and pid != here[1]]
    over = threading.Event()
    threading.Thread(target=_watch, args=(peers, over, ranks), daemon=True).start()
    try:
        yield
        ranks.wait()  # a rank that is through must not look like one that died
    finally:
        over.set()


def _watch(peers: Sequence[int], over: threading.Event, ranks: Ranks) -> None:
    ends = select.poll()
    for peer in peers:
        ends.register(peer, select.POLLIN)  # a descriptor of a process becomes readable when that ends
    ends.poll()
    if not over.wait(GRACE_SECONDS):
        if ranks.first_to_fail():
            said = "another rank is gone: killed, if it says nothing above; the run goes on from its last checkpoint"
            print(f"rank {ranks.rank} of {ranks.num_processes}: {said}", file=sys.stderr, flush=True)
        os._exit(1)
