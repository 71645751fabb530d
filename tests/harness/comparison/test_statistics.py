"""Intervals cover, tests do not cry wolf, and both agree with libraries that we do not call."""

import gc
import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from scipy import stats

from harness.comparison.intervals import interval, ratio_interval, t_interval
from harness.comparison.paired import Paired, compare_paired
from harness.comparison.scores import Score, Scored, score_rows, scores_of
from harness.comparison.seeds import compare_seeds
from harness.comparison.verdicts import verdicts

NUM_SIMULATED = 400
COVERED = (0.93 - 0.025, 0.97 + 0.02)  # 93 to 97%, and the noise of 400 simulations


def scored(values: dict[str, float], clusters: dict[str, str] | None = None) -> Scored:
    return Scored(values=values, clusters=clusters or {}, num_errors=0, num_empty=0)


def named(numbers: Sequence[float]) -> dict[str, float]:
    return {f"i{index}": float(number) for index, number in enumerate(numbers)}


def word(pair: Paired, *, higher_is_better: bool = True) -> str:
    return verdicts([(pair, higher_is_better)])[0].word


def share_covered(truth: float, intervals: list[tuple[float, float]]) -> float:
    return sum(low <= truth <= high for low, high in intervals) / len(intervals)


@pytest.mark.parametrize(("share", "num_items"), [(0.9, 50), (0.5, 50), (0.97, 200)])
def test_wilson_covers_a_share(share: float, num_items: int) -> None:
    random = np.random.default_rng(1)
    found = [interval(named(list(random.random(num_items) < share))) for _ in range(NUM_SIMULATED)]
    assert {one.method for one in found} == {"Wilson"}
    assert COVERED[0] <= share_covered(share, [(one.low, one.high) for one in found]) <= 1.0


def test_t_covers_the_mean_of_skewed_scores() -> None:
    random = np.random.default_rng(2)
    found = [interval(named(list(random.gamma(4.0, size=50)))) for _ in range(NUM_SIMULATED)]
    assert COVERED[0] <= share_covered(4.0, [(one.low, one.high) for one in found]) <= COVERED[1]


def test_the_clustered_interval_covers_where_items_hang_together() -> None:
    random = np.random.default_rng(3)
    clustered, naive = [], []
    for _ in range(NUM_SIMULATED):
        shared = np.repeat(random.normal(scale=0.3**0.5, size=40), 10)
        values = named(list(shared + random.normal(scale=0.7**0.5, size=400)))
        groups = {name: str(index // 10) for index, name in enumerate(values)}
        clustered.append(interval(values, groups))
        naive.append(interval(values))
    assert COVERED[0] <= share_covered(0.0, [(one.low, one.high) for one in clustered]) <= COVERED[1]
    assert share_covered(0.0, [(one.low, one.high) for one in naive]) < 0.8, "which is why clusters are declared"


@pytest.mark.parametrize(("num_prompts", "num_samples", "share"), [(25, 4, 0.3), (50, 4, 0.9)])
def test_the_interval_of_a_share_over_several_samples_a_prompt_covers(
    num_prompts: int, num_samples: int, share: float
) -> None:
    random = np.random.default_rng(7)
    clustered, naive = [], []
    for _ in range(NUM_SIMULATED):
        of_prompt = np.repeat(random.beta(share, 1 - share, num_prompts), num_samples)
        values = named(list(random.random(num_prompts * num_samples) < of_prompt))
        clustered.append(interval(values, {name: str(at // num_samples) for at, name in enumerate(values)}))
        naive.append(interval(values))
    assert {one.method for one in clustered} == {"clustered Wilson"}
    assert COVERED[0] <= share_covered(share, [(one.low, one.high) for one in clustered]) <= COVERED[1]
    assert share_covered(share, [(one.low, one.high) for one in naive]) < 0.88, "as if all were independent"


def test_a_share_of_nothing_in_clusters_is_not_sure() -> None:
    values = named([0.0] * 24)
    found = interval(values, {name: str(at // 4) for at, name in enumerate(values)})
    assert found.low == pytest.approx(0.0, abs=1e-12)
    assert found.high == pytest.approx(1.96**2 / (6 + 1.96**2), abs=1e-4), (
        "Wilson's of 0 among 6 prompts, in closed form"
    )


def test_a_difference_is_no_share_though_every_item_says_0_or_1() -> None:
    lost = named([0.0] * 24)
    won = lost | {"i0": 1.0, "i5": 1.0}
    clusters = {name: str(at // 4) for at, name in enumerate(lost)}
    found = compare_paired(scored(lost, clusters), scored(won, clusters)).difference
    assert found.method.startswith("clustered t")
    assert found.low < 0 < found.mean
    assert found.low + found.high == pytest.approx(2 * found.mean)


@pytest.mark.parametrize(("won", "lost"), [(0.05, 0.0), (0.06, 0.02), (0.2, 0.1)])
def test_the_interval_of_a_difference_of_shares_covers_where_runs_seldom_disagree(won: float, lost: float) -> None:
    random = np.random.default_rng(8)
    found = []
    for _ in range(NUM_SIMULATED):
        moved = random.choice([1.0, -1.0, 0.0], p=[won, lost, 1 - won - lost], size=100)
        a, b = (named(list(side * moved > 0)) for side in (-1, 1))
        found.append(compare_paired(scored(a), scored(b)).difference)
    assert {one.method for one in found} == {"Bonett-Price"}
    assert COVERED[0] <= share_covered(won - lost, [(one.low, one.high) for one in found]) <= 0.99


def test_items_that_all_agree_do_not_make_a_difference_of_shares_sure() -> None:
    alike = scored(named([0.0] * 20 + [1.0] * 4))
    found = compare_paired(alike, alike).difference
    assert found.high == pytest.approx(1.96 * 2**0.5 / 26, abs=1e-4), "the closed form at 24 items"
    assert found.low == -found.high
    clusters = {name: str(at // 4) for at, name in enumerate(alike.values)}
    in_clusters = scored(dict(alike.values), clusters)
    found = compare_paired(in_clusters, in_clusters).difference
    assert found.high == pytest.approx(1.96 * 2**0.5 / 8, abs=1e-4), "six clusters, each as one item"


def test_the_t_interval_is_scipys() -> None:
    numbers = [1.0, 2.5, 2.0, 4.0]
    found = t_interval(numbers)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(numbers), scale=stats.sem(numbers))
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.fixture
def little_garbage() -> Iterator[None]:
    """Statsmodels' Holm collects garbage on every call, which takes 0.1 s after numpy and scipy have been imported."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("little_garbage")
def test_equal_runs_are_seldom_told_apart_and_unequal_ones_mostly() -> None:
    random = np.random.default_rng(4)
    wrong, found = 0, 0
    for _ in range(200):
        item = random.normal(size=50)
        a, b = (named(list(item + random.normal(scale=0.5, size=50))) for _ in range(2))
        wrong += word(compare_paired(scored(a), scored(b))) != "cannot tell"
        better = {name: value + 0.4 for name, value in b.items()}
        found += word(compare_paired(scored(a), scored(better))) == "better"
    assert wrong <= 18, "5% of 200 and the noise of the simulation"
    assert found >= 180, "0.4 is four standard errors"


def test_shares_use_mcnemar_and_agree_with_its_closed_form() -> None:
    a = named([0] * 9 + [1] * 1 + [1] * 10)
    b = named([1] * 9 + [0] * 1 + [1] * 10)
    pair = compare_paired(scored(a), scored(b))
    assert pair.test == "exact McNemar"
    assert (len(pair.wins), len(pair.losses), pair.num_ties) == (9, 1, 10)
    assert pair.p == pytest.approx(2 * (1 + 10) / 2**10)
    assert word(pair) == "better"
    assert word(pair, higher_is_better=False) == "worse"


def test_sign_flips_of_few_items_are_counted_exactly() -> None:
    pair = compare_paired(scored(named([0, 0, 0, 0])), scored(named([1.0, 2.0, 3.0, 4.0])))
    assert pair.test == "sign flips"
    assert pair.p == pytest.approx(2 / 2**4)


def test_clusters_flip_together() -> None:
    values = named([0.5] * 40)
    groups = {name: str(index // 20) for index, name in enumerate(values)}
    pair = compare_paired(scored(named([0.0] * 40), groups), scored(values, groups))
    assert pair.p == pytest.approx(0.5), "two clusters have four patterns of signs, two of them as extreme"
    assert word(pair) == "cannot tell"


def test_many_comparisons_are_corrected() -> None:
    random = np.random.default_rng(5)
    pairs = []
    for _ in range(20):
        a, b = (named(list(random.normal(size=60))) for _ in range(2))
        pairs.append((compare_paired(scored(a), scored(b)), True))
    assert [verdict.word for verdict in verdicts(pairs)] == ["cannot tell"] * 20
    assert all(verdict.p >= pair.p for verdict, (pair, _) in zip(verdicts(pairs), pairs, strict=True))


def test_cannot_tell_says_how_many_items_would_do() -> None:
    random = np.random.default_rng(6)
    base = random.normal(size=100)
    verdict = verdicts(
        [(compare_paired(scored(named(list(base))), scored(named(list(base + random.normal(0.02, 0.5, 100))))), True)]
    )[0]
    assert verdict.word == "cannot tell"
    assert verdict.num_items_needed is not None
    assert verdict.num_items_needed > 100


def test_no_fewer_items_are_said_to_tell_than_the_exact_test_needs() -> None:
    pair = compare_paired(scored(named([0.0, 0.0, 0.0])), scored(named([0.9, 1.0, 1.1])))
    assert verdicts([(pair, True)])[0].num_items_needed == 6, "2 of 2^5 patterns are 6.3%, 2 of 2^6 are 3.1%"
    assert verdicts([(pair, True)] * 4)[0].num_items_needed == 8, "of four evals the best p counts four times: 2 of 2^8"


def test_runs_without_a_common_item_are_refused() -> None:
    with pytest.raises(ValueError, match="share no item"):
        compare_paired(scored({"a": 1.0}), scored({"b": 1.0}))


def test_bits_per_byte_is_the_mean_of_its_items() -> None:
    rows = [{"id": "x", "bits": 10.0, "num_bytes": 10}, {"id": "y", "bits": 90.0, "num_bytes": 30}]
    (score,) = scores_of({}, rows)
    assert score_rows(rows, score).mean == pytest.approx(100 / 40)
    assert not score.higher_is_better


def test_errors_and_empty_rows_are_counted_apart() -> None:
    rows: list[dict[str, object]] = [
        {"id": "a", "ok": True},
        {"id": "b", "ok": None},
        {"id": "c", "error": "timed out"},
    ]
    found = score_rows(rows, Score(metric="ok", field="ok"))
    assert (found.values, found.num_errors, found.num_empty) == ({"a": 1.0}, 1, 1)


def test_two_rows_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="same id"):
        score_rows([{"id": "a", "ok": True}] * 2, Score(metric="ok", field="ok"))


def test_one_seed_says_nothing_and_three_say_welch() -> None:
    assert math.isnan(compare_seeds([1.0], [2.0]).p)
    noise = compare_seeds([1.0, 1.1, 0.9], [2.0, 2.1, 1.7])
    assert noise.p == pytest.approx(float(stats.ttest_ind([1.0, 1.1, 0.9], [2.0, 2.1, 1.7], equal_var=False).pvalue))
    assert noise.num_seeds_needed is not None


def test_the_interval_of_a_ratio_covers_where_few_items_are_most_of_it() -> None:
    random = np.random.default_rng(9)
    found = []
    for _ in range(NUM_SIMULATED):
        sizes = random.lognormal(8, 1.5, size=60) + 1
        sides = [
            [
                {"id": at, "bits": rate * size, "num_bytes": size}
                for at, (rate, size) in enumerate(zip(rates, sizes, strict=True))
            ]
            for rates in (random.normal(1.6, 0.1, size=60), random.normal(1.5, 0.1, size=60))
        ]
        a, b = (score_rows(rows, scores_of({}, rows)[0]) for rows in sides)
        found.append(compare_paired(a, b).difference)
    assert COVERED[0] <= share_covered(-0.1, [(one.low, one.high) for one in found]) <= COVERED[1]


def test_items_of_one_size_make_a_ratio_as_sure_as_their_mean() -> None:
    values = {"a": 1.0, "b": 2.5, "c": 2.0, "d": 4.0}
    found = ratio_interval(values, dict.fromkeys(values, 1.0))
    low, high = stats.t.interval(0.95, 3, loc=np.mean(list(values.values())), scale=stats.sem(list(values.values())))
    more = (4 / 3) ** 0.5  # the residual over 1 - 1/4, beside the division by n - 1 of the plain t
    assert found.high - found.low == pytest.approx((high - low) * more)


def test_a_ratio_is_as_sure_as_its_items_agree_whatever_their_sizes() -> None:
    random = np.random.default_rng(7)
    found = []
    for _ in range(NUM_SIMULATED):
        sizes = random.gamma(1.0, 10_000.0, size=60) + 1
        noise = random.normal(scale=0.02, size=60)
        sides = [
            [
                {"id": index, "bits": rate * size, "num_bytes": size}
                for index, (rate, size) in enumerate(zip(rates, sizes, strict=True))
            ]
            for rates in (1.6 + noise * 0, 1.5 + noise)
        ]
        a, b = (score_rows(rows, scores_of({}, rows)[0]) for rows in sides)
        found.append(compare_paired(a, b).difference)
    assert COVERED[0] <= share_covered(-0.1, [(one.low, one.high) for one in found]) <= COVERED[1]
    assert np.mean([one.high - one.low for one in found]) < 0.02, "sizes that differ are no doubt about the rate"


def test_a_ratio_to_which_one_item_alone_gives_its_size_is_known_no_better_than_from_one_item() -> None:
    found = ratio_interval({"a": 4.0, "b": 0.0}, {"a": 2.0, "b": 0.0})
    assert math.isnan(found.low) or math.isinf(found.low)
    assert not math.isfinite(found.standard_error)
