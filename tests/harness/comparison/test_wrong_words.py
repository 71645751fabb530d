"""How often the words are wrong, by simulation of the whole path: files on disk, pairing, Holm over three evals."""

import gc
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from harness.comparison.two_runs import compare_runs
from tests.harness.comparison.eval_runs import bare_run, write_eval

NUM_COMPARISONS = 200
MOST_WRONG = 10 + 3 * math.sqrt(200 * 0.05 * 0.95)  # 5% of 200, and three standard errors of the simulation
NUM_ITEMS, NUM_CLUSTERS = 45, 15
SCORES: dict[str, dict[str, dict[str, Any]]] = {
    "parses": {"rate": {"field": "ok"}},
    "bits": {"bits_per_byte": {"field": "bits", "per": "num_bytes", "higher_is_better": False}},
    "questions": {"logprob": {"field": "logprob", "cluster": "passage"}},
}
BETTER = {"parses": 0.4, "bits": 0.1, "questions": 1.0}  # of the second of two unequal runs

Numbers = npt.NDArray[np.float64]


class Items:
    """The items of three evals, as hard as they are for every run."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.chance = random.uniform(0.1, 0.6, NUM_ITEMS)
        self.num_bytes = random.integers(500, 1500, NUM_ITEMS)
        self.bits_per_byte = random.uniform(1.0, 3.0, NUM_ITEMS)
        self.passage = np.arange(NUM_ITEMS) * NUM_CLUSTERS // NUM_ITEMS
        self.logprob = random.normal(-5.0, 1.0, NUM_ITEMS)

    def write(self, run: Path, *, better: bool) -> None:
        """What one run makes of them; questions about one passage go well or badly together."""
        gain = {name: value * better for name, value in BETTER.items()}
        ok = self.random.random(NUM_ITEMS) < self.chance + gain["parses"]
        bits = self.bits_per_byte + self.random.normal(scale=0.1, size=NUM_ITEMS) - gain["bits"]
        of_passage = self.random.normal(scale=0.5, size=NUM_CLUSTERS)[self.passage]
        logprob = self.logprob + of_passage + self.random.normal(scale=0.5, size=NUM_ITEMS) + gain["questions"]
        rows: dict[str, list[dict[str, Any]]] = {
            "parses": [{"ok": bool(value)} for value in ok],
            "bits": [
                {"bits": float(value * size), "num_bytes": int(size)}
                for value, size in zip(bits, self.num_bytes, strict=True)
            ],
            "questions": [
                {"logprob": float(value), "passage": f"p{passage}"}
                for value, passage in zip(logprob, self.passage, strict=True)
            ],
        }
        for name, of_eval in rows.items():
            write_eval(run, name, [{"id": f"i{at}", **row} for at, row in enumerate(of_eval)], SCORES[name])


@pytest.fixture
def little_garbage() -> Iterator[None]:
    """Statsmodels' Holm collects garbage on every call, which takes 0.1 s once numpy and scipy have been imported."""
    import statsmodels.regression.linear_model
    import statsmodels.stats.multitest
    import statsmodels.stats.proportion  # noqa: F401

    gc.freeze()
    yield
    gc.unfreeze()


def words(tmp_path: Path, *, seed: int, better: bool) -> list[dict[str, str]]:
    """The words of 200 comparisons of two runs; the second is truly better, or truly equal."""
    a, b = (bare_run(tmp_path, f"0{number}_run", number) for number in (1, 2))
    random = np.random.default_rng(seed)
    told: list[dict[str, str]] = []
    for _ in range(NUM_COMPARISONS):
        items = Items(random)
        items.write(a, better=False)
        items.write(b, better=better)
        compared, not_compared = compare_runs(a, b)
        assert not not_compared
        told.append({one.eval: one.verdict.word for one in compared})
    return told


@pytest.mark.usefixtures("little_garbage")
def test_equal_runs_are_told_apart_by_chance_alone(tmp_path: Path) -> None:
    told = words(tmp_path, seed=1, better=False)
    assert sum(set(found.values()) != {"cannot tell"} for found in told) <= MOST_WRONG, "any word in any of three evals"


@pytest.mark.usefixtures("little_garbage")
def test_a_better_run_is_hardly_ever_called_worse_and_mostly_found(tmp_path: Path) -> None:
    told = words(tmp_path, seed=2, better=True)
    assert sum("worse" in found.values() for found in told) == 0
    for name in SCORES:
        assert sum(found[name] == "better" for found in told) >= 0.8 * NUM_COMPARISONS, name
