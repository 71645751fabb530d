"""The sitting that goes on, or the one that begins: found by who rates which runs on what.

An unfinished sitting of the same rater always goes on, unless another seed is asked for. A new one takes pairs that the
rater has not seen first.
"""

import getpass
import os
import random
import re
import secrets
import socket
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from harness.launch import Refused
from harness.rating.pairs import Pairs
from harness.rating.schedule import MAX_PAIRS, schedule
from harness.rating.sitting import Sitting, append, now, texts_sha256
from harness.rating.votes import Row, standing
from harness.rows import each_row, read

FOLDER = "ratings"
NUM_PAIRS = 60  # tells a win rate of 68% from 50%
MAX_RATER_CHARACTERS = 60
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9.]+")


def open_sitting(root: Path, pairs: Pairs, *, rater: str, num_pairs: int | None, seed: int | None) -> Sitting:
    """The rater's unfinished sitting, or a new one. Raises Refused."""
    _check(rater, num_pairs)
    known = list(_known(root, pairs, rater))
    for path, start in reversed(known):
        if len(standing(read(path))) == len(start["shown"]) or seed not in (None, start["seed"]):
            continue
        if num_pairs not in (None, start["num_pairs"]):
            raise Refused(
                f"{rater} has not finished {start['num_pairs']} pairs of these runs\n"
                "  help: leave -n out to go on with them; --seed N begins anew"
            )
        return Sitting(path, pairs if start["run"] == pairs.b else pairs.swapped())
    seen = {row["id"] for path, _ in known for row in standing(read(path))}
    return _begin(root, pairs, seen, rater=rater, num_pairs=num_pairs or NUM_PAIRS, seed=seed)


def starts(root: Path) -> Iterator[tuple[Path, Row]]:
    """Every file of sittings with its first row, in the order in which they were begun."""
    found = []
    for path in (root / FOLDER).glob("*.jsonl"):
        first = next(islice(each_row(path), 1), {})
        if first.get("event") == "rating" and isinstance(first.get("shown"), list):
            found.append((path, first))
    yield from sorted(found, key=lambda pair: pair[1].get("t", 0))


def user() -> str:
    """Who rates, unless --rater says otherwise."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may have a user without a name
        return str(os.getuid())


def _check(rater: str, num_pairs: int | None) -> None:
    if not rater.strip() or not rater.isprintable() or len(rater) > MAX_RATER_CHARACTERS:
        raise Refused(f"--rater {rater!r}: a name has 1 to {MAX_RATER_CHARACTERS} characters that can be printed")
    if num_pairs is not None and not 1 <= num_pairs <= MAX_PAIRS:
        raise Refused(f"-n {num_pairs}: 1 to {MAX_PAIRS:,} pairs at one sitting")


def _known(root: Path, pairs: Pairs, rater: str) -> Iterator[tuple[Path, Row]]:
    """What the rater has begun between these runs at these steps, in whichever order they were named."""
    measured = {(pairs.a, pairs.step_a), (pairs.b, pairs.step_b)}
    for path, start in starts(root):
        of = {(start.get("against"), start.get("step_against")), (start.get("run"), start.get("step"))}
        if of == measured and start.get("eval") == pairs.eval and start.get("rater") == rater:
            yield path, start


def _begin(root: Path, pairs: Pairs, seen: set[str], *, rater: str, num_pairs: int, seed: int | None) -> Sitting:
    seed = secrets.randbelow(2**31) if seed is None else seed
    shuffled = random.Random(seed).sample(list(pairs.pairs), len(pairs.pairs))
    ids = sorted(shuffled, key=lambda name: name in seen)[:num_pairs]
    shown = schedule(ids, seed=seed)
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    who = NOT_IN_A_NAME.sub("_", f"{rater}-{socket.gethostname()}")
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = folder / f"{who}-{stamp}-{secrets.token_hex(2)}.jsonl"
    start = {
        "event": "rating",
        "t": now(),
        "run": pairs.b,
        "against": pairs.a,
        "eval": pairs.eval,
        "rater": rater,
        "step": pairs.step_b,
        "step_against": pairs.step_a,
        "seed": seed,
        "num_pairs": num_pairs,
        "shown": shown,
        "texts_sha256": texts_sha256(pairs, shown),
    }
    append(path, start)
    _sync_folder(folder)
    return Sitting(path, pairs)


def _sync_folder(folder: Path) -> None:
    """So that the name of a new file is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
