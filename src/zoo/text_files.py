"""Your own files as a corpus: the bytes as they are, whatever language or format.

Files are named by globs and read whole into memory, 2 GiB at most; nothing is decoded, cleaned or deduplicated.
"""

import glob
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
    files = sorted({file for pattern in paths for file in matches(pattern)})
    num_bytes = sum(file.stat().st_size for file in files)
    if num_bytes > MAX_BYTES:
        raise ValueError(f"{list(paths)} hold {num_bytes:,} bytes; a corpus in memory may have {MAX_BYTES:,}")
    documents = [Document(name=file.as_posix(), content=file.read_bytes()) for file in files]
    train, held_out = split(documents, fraction=held_out_fraction, by=held_out_by)
    for side, part in (("to train on", train), ("held out", held_out)):
        if not any(document.content for document in part):
            raise ValueError(
                f"nothing is {side}: {list(paths)} hold {num_bytes} bytes in {len(files)} files, "
                f"of which {held_out_fraction} is held out by {held_out_by!r}"
            )
    return corpus(train=train, held_out=held_out, files=documents)


def split(
    documents: Sequence[Document], *, fraction: float, by: Literal["tail", "files"]
) -> tuple[list[Document], list[Document]]:
    """Documents to train on, and documents held out."""
    if by == "files":
        sides = {document.name: is_held_out(document.name, fraction) for document in documents}
        train = [document for document in documents if not sides[document.name]]
        return train, [document for document in documents if sides[document.name]]
    train, held_out = [], []
    for document in documents:
        cut = int(len(document.content) * (1 - fraction))  # as nanoGPT cuts its validation split
        train.append(Document(name=document.name, content=document.content[:cut]))
        held_out.append(Document(name=document.name, content=document.content[cut:]))
    return train, held_out


def matches(pattern: str) -> list[Path]:
    """The files that one pattern names; ValueError when there is nothing to read."""
    expanded = Path(pattern).expanduser().as_posix()
    found = [Path(name) for name in glob.glob(expanded, recursive=True)]  # noqa: PTH207 (Path.glob: relative only)
    files = [path for path in found if path.is_file()]
    if not files and found:
        raise ValueError(f"{pattern!r} matches only directories; name files, as in '{found[0].as_posix()}/**/*.txt'")
    if not files:
        raise ValueError(f"{pattern!r} matches no file (seen from {Path.cwd()})")
    if not any(file.stat().st_size for file in files):
        raise ValueError(f"{pattern!r} matches only empty files")
    return files
