"""All presses between two runs on one eval, out of the files of every rater.

A pair counts once a rater: of sittings that overlap the newest counts, and a hidden repeat only says how steady the
rater is. Sittings at other steps than the newest one's are left out and counted.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.launch import Refused
from harness.rating.opening import starts
from harness.rating.votes import Choice, Row, is_choice, standing, tags_in
from harness.rows import read


@dataclass(frozen=True, kw_only=True)
class Vote:
    """One press that stands, told from B's side."""

    id: str
    choice: Choice
    score: float  # 1 when B was preferred, 0 when A was, 0.5 for neither
    addresses: tuple[str, ...]  # of the texts: left, right


@dataclass(frozen=True, kw_only=True)
class Tally:
    """The presses, by rater."""

    votes: Mapping[str, Mapping[str, Vote]]  # rater -> id -> vote
    presses: Mapping[str, Sequence[Choice]]  # rater -> every press, repeats too
    repeats: Mapping[str, Sequence[tuple[Vote, Vote]]]  # rater -> (first, repeat)
    tags: Mapping[str, frozenset[str]]  # tag -> ids
    unfinished: Sequence[tuple[str, int, int]]  # rater, pairs done, of how many
    step_a: int
    step_b: int
    num_other_steps: int  # sittings left out

    @property
    def scores(self) -> dict[str, float]:
        """The mean score over the raters, by id."""
        found: defaultdict[str, list[float]] = defaultdict(list)
        for by_id in self.votes.values():
            for vote in by_id.values():
                found[vote.id].append(vote.score)
        return {name: sum(scores) / len(scores) for name, scores in found.items()}


def tally(root: Path, a: str, b: str, name: str) -> Tally:
    """Every vote between the runs of these names. Raises Refused when there is none."""
    all_of = [(path, start) for path, start in starts(root) if _is_between(start, a, b) and start.get("eval") == name]
    if not all_of:
        raise Refused(f"nobody has rated {a} and {b} on {name}\n  help: tools/rate {a} {b} --eval {name}")
    step_a, step_b = _steps(all_of[-1][1], b)
    counted = [(path, start) for path, start in all_of if _steps(start, b) == (step_a, step_b)]
    votes: defaultdict[str, dict[str, Vote]] = defaultdict(dict)
    presses, repeats = defaultdict[str, list[Choice]](list), defaultdict[str, list[tuple[Vote, Vote]]](list)
    tags, unfinished = defaultdict[str, set[str]](set), []
    for path, start in counted:
        rater, rows = str(start.get("rater")), read(path)
        first: dict[str, Vote] = {}
        stand = standing(rows)
        for row in stand:
            vote = _vote(row, b)
            presses[rater].append(vote.choice)
            if vote.id in first:
                repeats[rater].append((first[vote.id], vote))
            else:
                first[vote.id] = votes[rater][vote.id] = vote
        for tag, ids in tags_in(rows).items():
            tags[tag] |= ids
        if len(stand) < len(start["shown"]):
            unfinished.append((rater, len(stand), len(start["shown"])))
    return Tally(
        votes=votes,
        presses=presses,
        repeats=repeats,
        tags={tag: frozenset(ids) for tag, ids in tags.items()},
        unfinished=unfinished,
        step_a=step_a,
        step_b=step_b,
        num_other_steps=len(all_of) - len(counted),
    )


def _is_between(start: Row, a: str, b: str) -> bool:
    return {start.get("run"), start.get("against")} == {a, b}


def _steps(start: Row, b: str) -> tuple[int, int]:
    steps = int(start.get("step_against", 0)), int(start.get("step", 0))
    return steps if start["run"] == b else steps[::-1]


def _vote(row: Row, b: str) -> Vote:
    choice, preferred = row.get("choice"), row.get("preferred")
    assert is_choice(choice), f"a row of a sitting holds the choice {choice!r}"
    addresses = row.get("addresses", {})
    return Vote(
        id=str(row["id"]),
        choice=choice,
        score=0.5 if preferred is None else float(preferred == b),
        addresses=tuple(str(addresses.get(side, "")) for side in ("left", "right")),
    )
