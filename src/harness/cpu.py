"""Settings of the process that make a start, and training on CPUs, faster; they change no number.

They count only for what happens after them, so they come before torch is imported.
"""

import ctypes
import gc

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # <malloc.h> of glibc
KEPT_BYTES = 1 << 30  # an int in C


def prepare_cpu() -> None:
    """Keeps freed memory for the next step, and puts off looking for garbage."""
    _keep_freed_memory()
    gc.disable()  # importing torch makes many objects and no garbage; the search for it took 20 to 30% of the time


def look_for_garbage_again() -> None:
    """When everything long-lived is there: it is set apart, so that no later search walks through it."""
    gc.freeze()
    gc.enable()


def _keep_freed_memory() -> None:
    """Activations are freed and allocated again each step; glibc would give their pages back to the system in between.

    60 steps of a GPT with a table of 13 million parameters spent 2.2 s in the system instead of 5.2 (one pair of runs).
    Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(M_MMAP_MAX, 0)  # large tensors too come from memory that stays
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
