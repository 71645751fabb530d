"""Two small runs that wrote something on the same ids, and a rater who presses by a rule."""

import json
import random
from collections.abc import Callable
from pathlib import Path

from harness.rating.opening import open_sitting
from harness.rating.pairs import read_pairs
from harness.rating.sitting import Sitting
from harness.rating.votes import Choice

NAMES = ("31_plain-20261101T000000Z-aaaa", "31_wide_32-20261102T000000Z-bbbb")
Press = Callable[[str, str], Choice]  # what to press, of the left text and the right one


def write_run(root: Path, run: str, texts: list[str], *, good: list[bool] | None = None, prompt: str = "def ") -> Path:
    """A run whose eval `completions` wrote these texts."""
    folder = root / run / "evals/completions/step_00000100"
    folder.mkdir(parents=True)
    (root / run / "run.json").write_text(json.dumps({"id": run, "experiment": run.rsplit("-", 2)[0]}))
    parses = good or [True] * len(texts)
    rows = [
        {"id": f"p{at}/0", "prompt": prompt, "completion": text, "parses": parses[at]} for at, text in enumerate(texts)
    ]
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = {"metrics": {"parse_rate": sum(parses) / len(parses)}, "num_rows": len(rows), "seconds": 1.0}
    (folder / "result.json").write_text(json.dumps(result))
    return root / run


def write_two(root: Path, count: int) -> tuple[Path, Path]:
    """A whose texts begin with `alpha` and never parse, and B with `beta`, which do."""
    return (
        write_run(root, NAMES[0], [f"alpha {at}" for at in range(count)], good=[False] * count),
        write_run(root, NAMES[1], [f"beta {at}" for at in range(count)]),
    )


def sit(a: Path, b: Path, *, rater: str = "mia", num_pairs: int | None = None, seed: int | None = None) -> Sitting:
    """The sitting that tools/rate would open."""
    return open_sitting(b.parent, read_pairs(a, b, "completions"), rater=rater, num_pairs=num_pairs, seed=seed)


def press_all(sitting: Sitting, press: Press) -> None:
    """Votes until the last pair, then lets the file go."""
    while not sitting.is_done:
        _, left, right = sitting.pair(sitting.num_done)
        sitting.vote(sitting.num_done, press(left, right), 1200)
    sitting.close()


def prefers(word: str, share: float = 1.0, *, seed: int = 0) -> Press:
    """A rater who takes the text that begins with the word, or in `1 - share` of cases the other one."""
    chance = random.Random(seed)

    def press(left: str, _: str) -> Choice:
        is_left = left.startswith(word) == (chance.random() < share)
        return "left" if is_left else "right"

    return press
