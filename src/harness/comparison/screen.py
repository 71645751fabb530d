"""The comparison of two runs on one screen: configs, evals, seeds, flips, and what to do next. No colour is needed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.config_changes import value_text
from harness.analysis.find import root_words
from harness.analysis.numbers import short
from harness.analysis.screen import Column, fitted
from harness.comparison.address import Address, visible
from harness.comparison.intervals import Interval
from harness.comparison.reading import MEASURED_ON, named
from harness.comparison.seed_groups import BetweenRuns, SeedGroups
from harness.comparison.two_runs import Compared, NotCompared

LEAST_P = 0.0001
LEAST_NUMBER = 1e-12  # below, what is left of rounding
INDENT = 2
ONE_EACH = (
    "one run each: nothing is known about the noise between runs\n"
    "  the words above are about these two runs, not yet about their configs"
)


@dataclass(frozen=True, kw_only=True)
class Told:
    """All that the screen says. `changes` are rows of key, was, is, was_origin and origin."""

    a: Path
    b: Path
    changes: Sequence[Mapping[str, Any]]
    compared: Sequence[Compared]
    not_compared: Sequence[NotCompared]
    groups: SeedGroups
    between: Sequence[BetweenRuns]


def comparison_text(told: Told, *, num_flips: int, width: int) -> str:
    """The screen."""
    parts = [
        [f"A  {told.a.name}", f"B  {told.b.name}"],
        _changes(told.changes),
        _evals(told, width),
        _between(told),
        *(_flips(told, one, num_flips) for one in told.compared),
        [f"next: tools/look {told.a.name} {told.b.name}{root_words(told.b.parent)}"],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _changes(changes: Sequence[Mapping[str, Any]]) -> list[str]:
    if not changes:
        return ["the configs are the same"]
    phrases = [f"{row['key']}  {_value(row['was'])} → {_value(row['is'])}" for row in changes]
    widest = max(map(len, phrases))
    places = [" → ".join(map(visible, _places(row))) for row in changes]
    lines = [f"  {phrase:<{widest}}  {place}".rstrip() for phrase, place in zip(phrases, places, strict=True)]
    return ["config, A → B", *lines]


def _places(row: Mapping[str, Any]) -> list[str]:
    """Where each run had the value from; once where both say the same."""
    return list(dict.fromkeys(str(row[key]) for key in ("was_origin", "origin") if row[key]))


def _value(value: Any) -> str:
    return visible(value_text(value))


def _evals(told: Told, width: int) -> list[str]:
    compared = told.compared
    names = [f"{one.eval}/{one.score.metric}" for one in compared]
    numbers = [
        Column(title="eval", cells=names, right=False),
        Column(
            title="good",
            cells=["high" if one.score.higher_is_better else "low" for one in compared],
            right=False,
            need=2,
        ),
        Column(title="A [95%]", cells=[_interval(one.a.interval) for one in compared], need=1),
        Column(title="B [95%]", cells=[_interval(one.b.interval) for one in compared], need=1),
        Column(title="B - A [95%]", cells=[_interval(one.paired.difference, sign="+") for one in compared]),
        Column(title="p", cells=[p_text(one.verdict.p) for one in compared]),
        Column(title="B is", cells=[word_text(one) for one in compared], right=False),
    ]
    steps = {(one.a.step, one.b.step) for one in compared}
    text, left_out = fitted(numbers, width - INDENT)
    return [
        f"evals of B against A on the same items{_at(steps)}; p by Holm over {len(compared)}",
        *_indented(text),
        *([f"  no room for {', '.join(left_out)}; a wider terminal or --format json has all"] if left_out else []),
        "",
        *_indented(fitted(_item_columns(names, compared), width - INDENT)[0]),
        *_remarks(compared),
        *(f"  {one.eval} is not compared: {one.why}" for one in told.not_compared),
    ]


def _item_columns(names: Sequence[str], compared: Sequence[Compared]) -> list[Column]:
    """What stands behind each line of numbers. `finds`: the least true difference found in 80% of cases at this n."""
    differences = [one.paired.difference for one in compared]
    return [
        Column(title="items of", cells=names, right=False),
        Column(title="n", cells=[f"{difference.num_items:,}" for difference in differences]),
        Column(title="won", cells=[f"{len(one.won):,}" for one in compared]),
        Column(title="lost", cells=[f"{len(one.lost):,}" for one in compared]),
        Column(title="tied", cells=[f"{one.paired.num_ties:,}" for one in compared]),
        Column(title="corr.", cells=[_plain(one.paired.correlation, ".2f") for one in compared]),
        Column(title="finds", cells=[_finds(difference) for difference in differences]),
        Column(title="errors", cells=[f"{one.a.num_errors} {one.b.num_errors}" for one in compared]),
        Column(title="empty", cells=[f"{one.a.num_empty} {one.b.num_empty}" for one in compared]),
        Column(title="alone", cells=[f"{len(one.a.alone)} {len(one.b.alone)}" for one in compared]),
        Column(title="by", cells=[_method(one) for one in compared], right=False, need=1),
    ]


def _finds(difference: Interval) -> str:
    """Nothing where all items differ alike: then it is not known."""
    return _plain(difference.minimum_detectable or math.nan, ".2g")


def _method(one: Compared) -> str:
    difference = one.paired.difference
    clusters = f"{difference.num_clusters} clusters"
    is_told = not difference.num_clusters or difference.method.endswith(clusters)  # of few clusters the method says it
    return f"{one.paired.test}, {difference.method}" + ("" if is_told else f" of {clusters}")


def _remarks(compared: Sequence[Compared]) -> list[str]:
    """What of the evals is not in the numbers; an eval with two scores says it once."""
    lines: dict[str, None] = {}
    for one in compared:
        for letter, side in (("A", one.a), ("B", one.b)):
            if side.alone:
                items = f"{len(side.alone):,} item{'s' * (len(side.alone) != 1)}"
                lines[f"  {one.eval}: {items} of {letter} alone, left out: {named(side.alone)}"] = None
        if one.has_other_source:
            lines[f"  {one.eval}: the source of the eval differs, its version does not"] = None
        if one.contexts:
            a, b = one.contexts
            lines[f"  {one.eval}: a context of {a:,} for A and of {b:,} for B, as their configs have it"] = None
    unknown: dict[tuple[str, ...], dict[str, None]] = {}
    for one in compared:
        if one.unknown:
            unknown.setdefault(one.unknown, {})[one.eval] = None
    for fields, evals in unknown.items():
        kept = "none was kept" if len(fields) == len(MEASURED_ON) else f"no {', '.join(fields)} kept"
        lines[f"  identity unknown of {', '.join(evals)}: {kept}, so ids, rows and settings alone were checked"] = None
    return list(lines)


def _indented(text: str) -> list[str]:
    return [f"{' ' * INDENT}{line}" for line in text.splitlines()]


def word_text(one: Compared) -> str:
    """The word, and with `cannot tell` what would tell, or why nothing does."""
    reason = reason_text(one)
    return f"{one.verdict.word}: {reason}" if reason else one.verdict.word


def reason_text(one: Compared) -> str:
    """What would tell, or why nothing does, where the word is `cannot tell`."""
    if one.verdict.word != "cannot tell":
        return ""
    if not one.won and not one.lost:
        return "all items are equal"
    if not math.isfinite(one.paired.difference.standard_error):
        return f"from one {'cluster' if one.score.cluster else 'item'}"
    needed = one.verdict.num_items_needed
    return f"{needed:,} items would" if needed else "as much won as lost"


def _between(told: Told) -> list[str]:
    groups = told.groups
    head = []
    if groups.are_equal_but_for_the_seed:
        head.append("A and B are equal but for the seed: what differs between them is the noise between runs")
    if groups.num_unread:
        head.append(f"seeds were looked for in the newest runs only; {groups.num_unread:,} older ones were not read")
    if not told.between or groups.are_equal_but_for_the_seed:
        return [*head, *([] if groups.are_equal_but_for_the_seed else [ONE_EACH])]
    lines = []
    for one in told.between:
        noise = one.noise
        needed = f"; {noise.num_seeds_needed} seeds each would tell" if noise.num_seeds_needed else ""
        p = f"Welch p {p_text(noise.p)}" if math.isfinite(noise.p) else "no p: two runs of each are the least"
        shown = f"A {_over_seeds(noise.a)}  B {_over_seeds(noise.b)}"
        lines.append(f"  {one.eval}/{one.metric}  {shown}  {p}{needed if not noise.p <= 0.05 else ''}")
    return [*head, "between runs: those equal to A, and to B, but for the seed; mean ± sd", *lines]


def _over_seeds(interval: Interval) -> str:
    spread = interval.standard_error * math.sqrt(interval.num_items)
    shown = f" ± {spread:.2g}" if math.isfinite(spread) else ""
    return f"{short(interval.mean)}{shown} (n {interval.num_items})"


def _flips(told: Told, one: Compared, num_flips: int) -> list[str]:
    """The items that moved, B's worst losses first, each with the address of B's row."""
    shown = [*(("lost", item) for item in one.lost[:num_flips]), *(("won", item) for item in one.won[:num_flips])]
    if not shown:
        return []
    moves = [f"{short(item.a)} → {short(item.b)}" for _, item in shown]
    widest = max(map(len, moves))
    addresses = [Address(run=told.b.name, eval=one.eval, step=one.b.step, id=item.id) for _, item in shown]
    lines = [
        f"  {word:<4}  {move:>{widest}}  {address}"
        for (word, _), move, address in zip(shown, moves, addresses, strict=True)
    ]
    counts = f"{len(one.lost):,} lost, {len(one.won):,} won"
    return [f"{one.eval}/{one.score.metric}: {counts}; A → B, the most of each first", *lines]


def _interval(interval: Interval, *, sign: str = "") -> str:
    low, high = (_plain(bound, f"{sign}.3g") for bound in (interval.low, interval.high))
    return f"{_plain(interval.mean, f'{sign}.4g')} [{low}, {high}]"


def _plain(number: float, form: str) -> str:
    return format(0.0 if abs(number) < LEAST_NUMBER else number, form) if math.isfinite(number) else "-"


def p_text(p: float) -> str:
    """A p as it is read: two digits, and no more zeros than mean something."""
    return f"<{LEAST_P:g}".replace("1e-04", "0.0001") if p < LEAST_P else f"{p:.2g}"


def _at(steps: set[tuple[int, int]]) -> str:
    if len(steps) != 1:
        return ""
    a, b = next(iter(steps))
    return f" at step {a:,}" if a == b else f" (A at step {a:,}, B at step {b:,})"
