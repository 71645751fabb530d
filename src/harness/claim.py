"""One process at a time writes into a run: the claim on it, which ends with the process however that ends.

The claim is a lock that the kernel holds for an open file. It cannot be left behind: kill -9 and a power cut drop it
too. The file `writer` only says who holds it, and means nothing when nobody does.
"""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.launch import Refused

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}  # of file systems mounted without them
NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}
MAX_OWNER_BYTES = 300


@contextmanager
def claimed(run_path: Path) -> Iterator[str]:
    """Holds the claim on a run for the body of the `with`; gives "" or why nothing could be claimed.

    Raises Refused, naming the holder, while another process writes into the run, and where nobody may write.
    """
    try:
        descriptor = os.open(run_path / "writer", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        raise Refused(
            f"{run_path} cannot be written ({error.strerror})\n  help: make it writable, and start this again"
        ) from error
    try:
        yield _claim(descriptor, run_path)
    finally:
        os.close(descriptor)  # and with it the lock


def _claim(descriptor: int, run_path: Path) -> str:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, MAX_OWNER_BYTES, 0).decode(errors="replace").strip()
        raise Refused(
            f"{run_path} is being written by {owner or 'another process'}\n"
            "  help: wait for it to end, or stop it with SIGTERM (it saves), and start this again"
        ) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return f"{run_path}: no locks on this file system; nothing would stop a second process from writing there"
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    return ""
