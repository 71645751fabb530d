"""What is said of votes: right as often as it claims, and agreeing with published numbers."""

import gc
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from harness.launch import Refused
from harness.rating.agreement import alpha, kappa, share, sides, with_metric
from harness.rating.result import result
from harness.rating.result_text import as_text
from harness.rating.tally import Vote
from harness.rating.votes import Choice
from harness.rating.win_rate import num_needed, win_rate
from tests.harness.rating.rated_runs import NAMES, prefers, press_all, sit, write_two

NUM_SIMULATED = 300
NOISE = 0.025  # two standard errors of a share of 0.95 in so many simulations


@pytest.fixture(autouse=True)
def little_garbage() -> Iterator[None]:
    """Collecting is slow after numpy and scipy have been imported."""
    gc.freeze()
    yield
    gc.unfreeze()


def simulated(rate: float, tie_share: float, count: int, *, seed: int) -> list[dict[str, float]]:
    random = np.random.default_rng(seed)
    votes = random.random((NUM_SIMULATED, count)) < rate
    ties = random.random((NUM_SIMULATED, count)) < tie_share
    return [{str(at): float(one) for at, one in enumerate(row)} for row in np.where(ties, 0.5, votes)]


@pytest.mark.parametrize(("rate", "tie_share"), [(0.5, 0.0), (0.8, 0.0), (0.5, 0.3), (0.7, 0.3), (0.7, 0.6)])
def test_the_win_rate_is_covered(rate: float, tie_share: float) -> None:
    truth = rate * (1 - tie_share) + tie_share / 2
    found = [win_rate(scores) for scores in simulated(rate, tie_share, 60, seed=1)]
    covered = sum(one.low <= truth <= one.high for one in found) / NUM_SIMULATED
    assert 0.93 - NOISE <= covered <= 0.97 + NOISE


@pytest.mark.parametrize("tie_share", [0.0, 0.3])
def test_equal_runs_are_called_so_in_about_95_percent(tie_share: float) -> None:
    words = [win_rate(scores).word for scores in simulated(0.5, tie_share, 100, seed=2)]
    assert 0.95 - NOISE <= words.count("cannot tell") / NUM_SIMULATED <= 0.99


def test_the_votes_needed_are_enough_in_about_80_percent() -> None:
    needed = num_needed(0.7)
    assert needed == 47
    words = [win_rate(scores).word for scores in simulated(0.7, 0.0, needed, seed=3)]
    assert "worse" not in words
    assert 0.7 <= words.count("better") / NUM_SIMULATED <= 0.9


def test_votes_needed_are_those_of_the_closed_form() -> None:
    assert [num_needed(rate) for rate in (0.55, 0.6, 0.65, 0.8, 0.2)] == [783, 194, 85, 20, 20]
    assert num_needed(0.5) is None


def test_without_ties_the_interval_is_wilsons_and_the_test_is_exact() -> None:
    found = win_rate({str(at): float(at < 40) for at in range(60)})
    low, high = proportion_confint(40, 60, method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.p == pytest.approx(2 * binom.sf(39, 60, 0.5))
    assert (found.word, found.num_needed) == ("better", None)


def test_ties_alone_prove_nothing() -> None:
    found = win_rate(dict.fromkeys("abcdefghij", 0.5))
    assert (found.word, found.num_needed, found.p) == ("cannot tell", None, 1.0)
    assert found.low < 0.4
    assert found.high > 0.6


def test_the_whole_result_of_a_rater_who_prefers_b(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 40)
    press_all(sit(a, b, seed=1), prefers("beta", 0.9))
    found = result(a, b, "completions")
    assert found.win_rate.word == "better"
    assert not found.sides["mia"].is_biased
    assert found.metrics["parse_rate"].total == 40
    assert found.metrics["parse_rate"].hits == found.win_rate.wins
    assert result(b, a, "completions").win_rate.word == "worse"
    text = as_text(found)
    assert text.startswith("B is better than A on completions, blindly rated\n")
    assert f"{NAMES[1]}/completions/step_00000100#p" in text
    assert math.isnan(found.alpha)


def test_a_rater_who_always_presses_left_is_flagged_and_proves_nothing(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 40)
    press_all(sit(a, b), lambda *_: "left")
    found = result(a, b, "completions")
    assert found.sides["mia"].is_biased
    assert found.steadiness["mia"].hits == 0
    assert found.win_rate.mean == pytest.approx(0.5)
    assert found.win_rate.word == "cannot tell"
    assert "LEANS TO ONE SIDE" in as_text(found)


def test_careful_raters_are_seldom_flagged() -> None:
    random = np.random.default_rng(4)
    presses: list[list[Choice]] = [["left" if one else "right" for one in random.random(66) < 0.5] for _ in range(400)]
    assert sum(sides(one).is_biased for one in presses) <= 8


def test_repeats_measure_steadiness_and_count_for_nothing_else(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 20)
    press_all(sit(a, b, seed=2), prefers("beta"))
    found = result(a, b, "completions")
    assert (found.steadiness["mia"].hits, found.steadiness["mia"].total) == (2, 2)
    assert found.win_rate.wins == 20


def test_a_pair_counts_once_a_rater_and_the_newest_vote_counts(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 6)
    press_all(sit(a, b), prefers("alpha"))
    press_all(sit(a, b), prefers("beta"))
    found = result(a, b, "completions").win_rate
    assert (found.wins, found.losses, found.ties) == (6, 0, 0)


def test_raters_are_compared_and_an_unfinished_one_is_named(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 20)
    press_all(sit(a, b, rater="mia"), prefers("beta"))
    sitting = sit(a, b, rater="noa")
    for index in range(10):
        sitting.note(index, "#dull")
        sitting.vote(index, "tie" if index % 2 else "both_bad", 5)
    found = result(a, b, "completions")
    assert [one.raters for one in found.kappas] == [("mia", "noa")]
    assert found.tally.unfinished == [("noa", 10, 22)]
    assert found.choices == {"b": 20, "a": 0, "tie": 5, "both bad": 5}
    assert len(found.tally.tags["dull"]) == 10
    assert "noa: 10 of 22" in as_text(found)


def test_nobody_has_rated(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 2)
    with pytest.raises(Refused, match="nobody has rated"):
        result(a, b, "completions")
    sit(a, b)
    with pytest.raises(Refused, match="no vote stands"):
        result(a, b, "completions")


def test_alpha_is_that_of_krippendorffs_example() -> None:
    """Four observers, twelve units, missing answers: alpha is 0.743 (Krippendorff 2011, section C)."""
    observers = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    by_rater = {
        str(at): {str(unit): answer for unit, answer in enumerate(row) if answer != "."}
        for at, row in enumerate(observers)
    }
    assert alpha(by_rater) == pytest.approx(0.743, abs=0.0005)


def test_alpha_needs_two_answers_that_meet() -> None:
    assert math.isnan(alpha({"mia": {"p0": 1.0}}))
    assert alpha({"mia": {"p0": 1.0, "p1": 0.0}, "noa": {"p0": 1.0, "p1": 0.0}}) == 1.0


def vote(name: str, score: float) -> Vote:
    return Vote(id=name, choice="tie", score=score, addresses=())


def test_kappa_is_that_of_the_table() -> None:
    """20 both yes, 5 and 10 split, 15 both no: 0.4 (Cohen's own formula by hand)."""
    scores = [(1.0, 1.0)] * 20 + [(1.0, 0.0)] * 5 + [(0.0, 1.0)] * 10 + [(0.0, 0.0)] * 15
    one = {str(at): vote(str(at), score) for at, (score, _) in enumerate(scores)}
    other = {str(at): vote(str(at), score) for at, (_, score) in enumerate(scores)}
    found = kappa("mia", one, "noa", other)
    assert found is not None
    assert found.value == pytest.approx(0.4)
    assert (found.same.hits, found.same.total) == (35, 50)
    assert kappa("mia", one, "noa", {}) is None


def test_a_metric_is_held_to_the_pairs_where_both_prefer_a_side() -> None:
    scores = {"p0": 1.0, "p1": 0.0, "p2": 0.5, "p3": 1.0}
    a, b = {"p0": 2.0, "p1": 2.0, "p2": 2.0, "p3": 1.0}, {"p0": 1.0, "p1": 1.0, "p2": 1.0, "p3": 1.0}
    found = with_metric(scores, a, b, higher=False)
    assert (found.hits, found.total) == (1, 2)
    assert math.isnan(share(0, 0).low)
