"""What people say about single samples: looked, pass, fail, notes, tags. Rows of runs/notes/, beside those about runs.

    {"event":"pass","t":1790000000.1,"run":"22_...","eval":"completions","step":1200,"id":"p0/3"}

`sample_tag`, `sample_untag` and `sample_note` have a `text`; `unmark` takes pass or fail back. A row is on the disk
before the page says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.remarks import MAX_CHARACTERS, append, remarks
from harness.comparison.address import visible
from harness.launch import Refused
from harness.look.sample_rows import EvalStep, Row

WITH_TEXT = ("sample_note", "sample_tag", "sample_untag")
EVENTS = ("looked", "pass", "fail", "unmark", *WITH_TEXT)
MAX_AT_ONCE = 200  # samples in one message


@dataclass(frozen=True, kw_only=True)
class Said:
    """What stands about one sample after all that was said."""

    mark: str = ""  # "pass", "fail", or nothing
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    num_looked: int = 0


NOTHING_SAID = Said()


def say(root: Path, at: EvalStep, rows: Sequence[Row], event: str, text: str = "") -> None:
    """Appends one row about each sample; they are on the disk afterwards. Raises Refused."""
    text = _whole(text).strip()
    if event not in EVENTS or len(rows) > MAX_AT_ONCE:
        raise Refused("this cannot be said about samples")
    if event in WITH_TEXT and not text:
        raise Refused("an empty text says nothing")
    if len(text) > MAX_CHARACTERS:
        raise Refused(f"{len(text):,} characters are too many\n  help: at most {MAX_CHARACTERS:,}")
    about = {"eval": at.eval, "step": at.step}
    said = {"text": text} if event in WITH_TEXT else {}
    append(root, [{"event": event, "run": at.run, **about, "id": sample_id(row), **said} for row in rows])


def sample_id(row: Row) -> str:
    """The id as a file can hold it: half a surrogate pair becomes the word for it, as in an address."""
    name = str(row.get("id", ""))
    try:
        name.encode()
    except UnicodeEncodeError:
        return visible(name)
    return name


def said_about(root: Path, at: EvalStep) -> dict[str, Said]:
    """What stands about the samples of one eval at one step, by id."""
    found: dict[str, Said] = {}
    for row in remarks(root, at.run):
        if (row.get("eval"), row.get("step")) == (at.eval, at.step) and isinstance(row.get("id"), str):
            found[row["id"]] = _after(found.get(row["id"], NOTHING_SAID), row)
    return found


def _after(said: Said, row: Mapping[str, Any]) -> Said:
    event, text = row["event"], _whole(str(row.get("text", "")))
    tags = dict.fromkeys(said.tags)
    if event == "sample_tag":
        tags[text] = None
    if event == "sample_untag":
        tags.pop(text, None)
    return Said(
        mark={"pass": "pass", "fail": "fail", "unmark": ""}.get(event, said.mark),
        tags=tuple(tags),
        notes=(*said.notes, text) if event == "sample_note" else said.notes,
        num_looked=said.num_looked + (event == "looked"),
    )


def _whole(text: str) -> str:
    """The text as a file and an answer can hold it: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode()
