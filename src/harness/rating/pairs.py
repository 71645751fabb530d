"""What two runs wrote on the same ids, as pairs to choose from.

Only rows that hold a text can be chosen between. Ids that one run lacks, rows with an error and pairs of equal texts
are left out and counted; runs that were not measured alike are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.analysis.names import unknown
from harness.comparison.address import Address, visible
from harness.comparison.reading import Reading, eval_names, read_eval, unlike
from harness.launch import Refused

TEXT = "completion"  # the field of a row that is read


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One id with what each run wrote."""

    id: str
    prompt: str
    a: str
    b: str


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """All that can be rated between two runs on one eval, and how many ids cannot."""

    a: str  # names of the runs
    b: str
    eval: str
    step_a: int
    step_b: int
    pairs: Mapping[str, Pair]  # by id, in the order of A's rows
    num_equal: int
    num_unmatched: int
    num_errors: int

    def address(self, side: str, name: str) -> str:
        """Where the text of one side ("a" or "b") lies."""
        run, step = (self.a, self.step_a) if side == "a" else (self.b, self.step_b)
        return str(Address(run=run, eval=self.eval, step=step, id=name))

    def name_of(self, side: str) -> str:
        """The run of one side."""
        return self.a if side == "a" else self.b

    def swapped(self) -> "Pairs":
        """The same with the two runs' places exchanged."""
        turned = {key: replace(pair, a=pair.b, b=pair.a) for key, pair in self.pairs.items()}
        return replace(self, a=self.b, b=self.a, step_a=self.step_b, step_b=self.step_a, pairs=turned)

    @property
    def left_out(self) -> str:
        """The ids that are not shown, as a sentence; empty when there are none."""
        told = {
            "have the same text in both runs": self.num_equal,
            "are in one run alone": self.num_unmatched,
            "have an error or no text": self.num_errors,
        }
        return ", ".join(f"{count:,} {what}" for what, count in told.items() if count)


def read_pairs(a: Path, b: Path, name: str) -> Pairs:
    """The pairs of an eval at each run's last step of it. Raises Refused where there is nothing to choose from."""
    if a.resolve() == b.resolve():
        raise Refused(f"{a.name}: a run cannot be rated against itself\n  help: name two runs")
    if a.parent.resolve() != b.parent.resolve():
        raise Refused(f"{a} and {b} are in two stores\n  help: votes stand beside the runs, so both must be in one")
    readings = _read(a, name), _read(b, name)
    difference = unlike(*readings)
    if difference:
        raise Refused(
            f"{name} of {a.name} and of {b.name} cannot be rated against each other: {difference}\n"
            "  help: tools/eval measures a run again"
        )
    found = _pairs(a.name, b.name, name, *readings)
    if not found.pairs:
        raise Refused(
            f"{name}: {a.name} and {b.name} have no pair of different texts"
            + (f": {found.left_out}" * bool(found.left_out))
        )
    return found


def _pairs(a: str, b: str, name: str, reading_a: Reading, reading_b: Reading) -> Pairs:
    rows_a = {str(row["id"]): row for row in reading_a.rows}
    rows_b = {str(row["id"]): row for row in reading_b.rows}
    shared = [key for key in rows_a if key in rows_b]
    whole = [key for key in shared if _is_whole(rows_a[key]) and _is_whole(rows_b[key])]
    if shared and not any(isinstance(rows_a[key].get(TEXT), str) for key in shared):
        fields = ", ".join(visible(field) for field in rows_a[shared[0]])
        raise Refused(
            f"{name} has no texts to choose between: its rows hold {fields}\n"
            f"  help: rate an eval whose rows hold a `{TEXT}`"
        )
    differing = [key for key in whole if rows_a[key][TEXT] != rows_b[key][TEXT]]
    return Pairs(
        a=a,
        b=b,
        eval=name,
        step_a=reading_a.step,
        step_b=reading_b.step,
        pairs={
            key: Pair(id=key, prompt=str(rows_a[key].get("prompt", "")), a=rows_a[key][TEXT], b=rows_b[key][TEXT])
            for key in differing
        },
        num_equal=len(whole) - len(differing),
        num_unmatched=len(rows_a.keys() ^ rows_b.keys()),
        num_errors=len(shared) - len(whole),
    )


def _read(run: Path, name: str) -> Reading:
    reading = read_eval(run, name)
    if reading is None:
        raise unknown("eval", name, eval_names(run), where=f" in {run.name}")
    return reading


def _is_whole(row: Mapping[str, Any]) -> bool:
    return not row.get("error") and isinstance(row.get(TEXT), str)
