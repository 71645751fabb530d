"""Your own files as a corpus: the bytes as they are, whatever language or format.

Files are named by globs and read whole into memory, 2 GiB at most; nothing is decoded, cleaned or deduplicated.
"""

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from zoo.corpus import Corpus, Document, check_fraction, corpus, is_held_out

MAX_BYTES = 2 * 2**30


def text_files(
    *, paths: Sequence[str], held_out_fraction: float = 0.1, held_out_by: Literal["tail", "files"] = "tail"
) -> Corpus:
    """Read every file that a glob of `paths` matches (`**` crosses folders; `~` is home).

    "tail" holds out the last part of each file, "files" whole files by a hash of their name. ValueError, naming the
    pattern, when one matches no file or no byte, and when a side of the split would be empty.
    """
    check_fraction(held_out_fraction)
    names = sorted({name for pattern in paths for name in matches(pattern)})
    num_bytes = sum(os.path.getsize(name) for name in names)
    if num_bytes > MAX_BYTES:
        raise ValueError(f"{paths} hold {num_bytes:,} bytes; a corpus in memory may have {MAX_BYTES:,}")
    files = [Document(name=Path(name).as_posix(), content=Path(name).read_bytes()) for name in names]
    if held_out_by == "tail":
        cuts = [int(len(file.content) * (1 - held_out_fraction)) for file in files]
        train = [Document(name=f.name, content=f.content[:cut]) for f, cut in zip(files, cuts, strict=True)]
        held_out = [Document(name=f.name, content=f.content[cut:]) for f, cut in zip(files, cuts, strict=True)]
    else:
        train = [file for file in files if not is_held_out(file.name, held_out_fraction)]
        held_out = [file for file in files if is_held_out(file.name, held_out_fraction)]
    for side, documents in (("to train on", train), ("held out", held_out)):
        if not any(document.content for document in documents):
            raise ValueError(
                f"nothing is {side}: {list(paths)} hold {num_bytes} bytes in {len(files)} files, split by "
                f"{held_out_by!r} at {held_out_fraction}"
            )
    return corpus(train=train, held_out=[document for document in held_out if document.content], files=files)


def matches(pattern: str) -> list[str]:
    """The files that one pattern names; ValueError when there is nothing to read."""
    found = glob.glob(os.path.expanduser(pattern), recursive=True)
    files = [name for name in found if os.path.isfile(name)]
    if not files and found:
        raise ValueError(f"{pattern!r} matches only directories; name files, as in '{found[0].rstrip('/')}/**/*.txt'")
    if not files:
        raise ValueError(f"{pattern!r} matches no file (seen from {os.getcwd()})")
    if not any(os.path.getsize(name) for name in files):
        raise ValueError(f"{pattern!r} matches only empty files")
    return files
