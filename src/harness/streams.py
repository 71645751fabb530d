"""Named random streams: every seed a run uses is a pure function of (seed, stream, counters).

Nothing here holds state, so nothing random has to be saved: a resumed run asks for the same seeds again.
"""

import hashlib


def stream_seed(seed: int, stream: str, *counters: int) -> int:
    """A 63-bit seed for one use of one stream, e.g. `stream_seed(1, "noise", step, slot)`.

    A cryptographic hash keeps neighbouring seeds apart: seed 3 of rank 1 is not seed 4 of rank 0.
    """
    text = "/".join([str(seed), stream, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
