"""One raw sample as plain data for a template: its address, its texts, its small fields, what was said about it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.numbers import short
from harness.look.marks import NOTHING_SAID, Said, sample_id
from harness.look.sample_rows import TEXTS, Row, Samples

LONG_FROM = 60  # characters, or a second line: a text of its own


@dataclass(frozen=True, kw_only=True)
class SampleView:
    """What a template shows of a row. `place` is where it stands in its file."""

    place: int
    id: str
    address: str
    texts: Sequence[tuple[str, str]]  # field and text, those first that a person reads first
    fields: Sequence[tuple[str, str]]
    said: Said


def sample_view(samples: Samples, place: int, said: Mapping[str, Said]) -> SampleView:
    """The view of the row at a place."""
    row = samples.rows[place]
    texts, fields = parts(row)
    return SampleView(
        place=place,
        id=str(row.get("id", "")),
        address=samples.at.address(row),
        texts=texts,
        fields=fields,
        said=said.get(sample_id(row), NOTHING_SAID),
    )


def parts(row: Row) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The long texts and the small fields of a row, without its id."""
    shown = {key: _text(value) for key, value in row.items() if key != "id"}
    long = [key for key in shown if key in TEXTS or len(shown[key]) > LONG_FROM or "\n" in shown[key]]
    long.sort(key=lambda key: TEXTS.index(key) if key in TEXTS else len(TEXTS))
    return [(key, shown[key]) for key in long], [(key, shown[key]) for key in shown if key not in long]


def _text(value: Any) -> str:
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False, indent=1)
    if isinstance(value, bool):
        return str(value).lower()
    return short(value) if value is not None else "null"
