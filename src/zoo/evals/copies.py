"""Whether text goes in circles, and whether it stands word for word in the training text.

Both count bytes and know no language. Training text is searched as one piece of memory.
"""

from typing import Any

Training = bytes

MAX_TRAINING_BYTES = 1 << 30  # of the training text that is searched, its start
MIN_COPIED_BYTES = 64  # shorter ones are idioms of the language
BLOCK = MIN_COPIED_BYTES // 2  # every copy of 64 bytes holds a whole block that starts at a multiple of 32
MAX_PLACES = 100  # of one block in the training text
MAX_UNIT_BYTES = 64
MIN_REPEATED_BYTES = 48
MIN_TIMES = 3


def repeats(text: bytes) -> bool:
    """Does it end in one unit of up to 64 bytes, at least 3 times and 48 bytes in a row, blanks alone not counting?"""
    for unit in range(1, min(MAX_UNIT_BYTES, len(text) // MIN_TIMES) + 1):
        num_bytes = max(MIN_TIMES * unit, MIN_REPEATED_BYTES)
        tail = text[-num_bytes:]
        if len(tail) == num_bytes and tail[unit:] == tail[:-unit] and tail.strip():
            return True
    return False


def longest_copy(text: bytes, training: Training) -> int:
    """The bytes of the longest stretch of `text` that stands in `training`; 0 for less than 64."""
    longest = 0
    for start in range(0, len(text) - BLOCK + 1, BLOCK):
        place, num_places = training.find(text[start : start + BLOCK]), 0
        while place >= 0 and num_places < MAX_PLACES:
            longest = max(longest, _reach(text, start, training, place))
            place, num_places = training.find(text[start : start + BLOCK], place + 1), num_places + 1
    return longest if longest >= MIN_COPIED_BYTES else 0


def training_text(corpus: Any) -> bytes:
    """The bytes that a corpus has to train on, up to 1 GiB; none of text that is read in order."""
    parts = list(corpus.corpora.values()) if hasattr(corpus, "corpora") else [corpus]
    pieces, left = [], MAX_TRAINING_BYTES
    for part in parts:
        if hasattr(part, "train") and left > 0:
            pieces.append(bytes(part.train[:left]))
            left -= len(pieces[-1])
    return b"".join(pieces)


def _reach(text: bytes, start: int, training: Training, place: int) -> int:
    """How far the match of one block goes to both sides."""
    before = 0
    while before < min(start, place) and text[start - before - 1] == training[place - before - 1]:
        before += 1
    after = BLOCK
    while (
        start + after < len(text) and place + after < len(training) and text[start + after] == training[place + after]
    ):
        after += 1
    return before + after
