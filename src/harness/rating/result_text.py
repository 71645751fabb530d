"""A result in words: the verdict first, then how far it can be trusted. It names runs."""

import math
from collections.abc import Iterator

from harness.comparison.address import visible
from harness.rating.agreement import Share
from harness.rating.result import Result
from harness.rating.win_rate import WinRate

FEW_REPEATS = 5  # fewer say little of a rater
MAX_TAGS = 20


def as_text(found: Result) -> str:
    """The result for a terminal, and for the last page of a sitting."""
    lines = [
        _verdict(found),
        "",
        f"  B  {found.b}, step {found.tally.step_b:,}",
        f"  A  {found.a}, step {found.tally.step_a:,}",
        "",
        *(f"  {name:<18}{value}" for name, value in _rows(found)),
        "",
        *_look(found),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _verdict(found: Result) -> str:
    rate = found.win_rate
    said = {
        "better": "B is better than A",
        "worse": "B is worse than A",
        "cannot tell": "cannot tell B from A",
    }[rate.word]
    return f"{said} on {found.eval}, blindly rated{_needed(rate)}"


def _needed(rate: WinRate) -> str:
    if rate.word != "cannot tell":
        return ""
    if rate.num_needed is None:
        return ": nothing leans either way"
    return f": {_count(rate.num_needed, 'more pair')} would tell a win rate of {rate.mean:.1%} from 50%"


def _rows(found: Result) -> Iterator[tuple[str, str]]:
    rate, choices = found.win_rate, found.choices
    num_pairs = rate.wins + rate.losses + rate.ties
    yield "win rate of B", f"{rate.mean:.1%} ({rate.low:.1%} to {rate.high:.1%}), ties as half; Wilson, 95%"
    yield "votes", f"B {choices['b']}, A {choices['a']}, tie {choices['tie']}, both bad {choices['both bad']}"
    yield "pairs", f"{num_pairs}: won {rate.wins}, lost {rate.losses}, even {rate.ties}"
    yield "sign test", f"p = {rate.p:.2g}, over {_count(rate.wins + rate.losses, 'pair')} that someone won"
    for rater in found.sides:
        yield f"rater {visible(rater)}", _rater(found, rater)
    for one in found.kappas:
        value = "not defined" if math.isnan(one.value) else f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"
        names = " and ".join(map(visible, one.raters))
        yield "Cohen's kappa", f"{value}, {names}; same answer on {_share(one.same)}"
    if not math.isnan(found.alpha):
        yield "Krippendorff", f"alpha {found.alpha:.2f}, all raters"
    for metric, agreed in found.metrics.items():
        told = f"same side on {_share(agreed)}" if agreed.total else "prefers no side where people do"
        yield f"{visible(metric)}", told
    for tag, ids in sorted(found.tally.tags.items(), key=lambda pair: -len(pair[1]))[:MAX_TAGS]:
        yield f"#{visible(tag)}", _count(len(ids), "pair")
    for rater, done, of in found.tally.unfinished:
        yield "unfinished", f"{visible(rater)}: {done} of {of}"
    if found.tally.num_other_steps:
        yield "left out", f"{_count(found.tally.num_other_steps, 'sitting')} at other steps"


def _rater(found: Result, rater: str) -> str:
    pressed, steady = found.sides[rater], found.steadiness[rater]
    told = f"pressed left {pressed.left}, right {pressed.right}"
    if pressed.is_biased:
        told += f": LEANS TO ONE SIDE (p = {pressed.p:.1g})"
    few = "; too few to say much" if steady.total < FEW_REPEATS else ""
    return f"{told}; same answer on {_share(steady)} hidden repeats{few}" if steady.total else told


def _look(found: Result) -> Iterator[str]:
    """Where the texts behind the numbers lie."""
    for name, addresses in (("won", found.won), ("lost", found.lost)):
        for address in addresses:
            yield f"  {name:<6}{address}"


def _share(found: Share) -> str:
    if not found.total:
        return "0 of 0"
    return f"{found.hits} of {found.total} ({found.low:.0%} to {found.high:.0%})"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
