"""The running interpreter's own standard library as a corpus: about 12 MB of Python that every machine has.

Nothing is downloaded and nothing cached. Tests and installed packages are left out; the corpus differs between Python
versions, so keep its `sha256` with every result.
"""

import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from zoo.corpus import Corpus, Document, check_fraction, corpus, is_held_out

LEFT_OUT = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}


def python_source(*, held_out_fraction: float = 0.05) -> Corpus:
    """Files are held out by a hash of their name. OSError when a file or the whole library cannot be read.

    ValueError when a side of the split would be empty.
    """
    check_fraction(held_out_fraction)
    root = Path(sysconfig.get_path("stdlib"))
    names = sorted(path.relative_to(root).as_posix() for path in source_files(root))
    if not names:
        raise OSError(f"no Python source below {root}: is this interpreter's standard library zipped?")
    files = [Document(name=name, content=(root / name).read_bytes()) for name in names]
    held_out = [file for file in files if is_held_out(file.name, held_out_fraction)]
    train = [file for file in files if not is_held_out(file.name, held_out_fraction)]
    for side, part in (("to train on", train), ("held out", held_out)):
        if not any(file.content for file in part):
            raise ValueError(
                f"nothing is {side}: held_out_fraction {held_out_fraction} of {len(files)} files, "
                "chosen by a hash of their names, leaves that side empty"
            )
    return corpus(train=train, held_out=held_out, files=files)


def source_files(root: Path) -> Iterator[Path]:
    """Every .py file below `root`, in no order, without the folders that are left out."""
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in LEFT_OUT]
        yield from (Path(folder, name) for name in names if name.endswith(".py"))
