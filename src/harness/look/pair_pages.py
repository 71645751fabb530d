"""Two runs side by side: what their configs differ in, what that did, and every item that went the other way."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from harness.analysis.config_changes import changes
from harness.comparison.reading import Reading, read_eval
from harness.comparison.two_runs import Compared, Item, check_installed, compare_runs
from harness.launch import Refused
from harness.look.edges import edge_word
from harness.look.one_run_pages import read_object
from harness.look.sample_rows import run_path
from harness.look.sample_view import parts
from harness.look.server import page
from harness.look.visible import visible
from harness.runs.facts import Upgrade

PAGE_SIZE = 20
MAX_COMPARED_CHARACTERS = 6_000  # of a text whose words are compared; longer ones stand beside each other unmarked
MARKED = {"del": Markup("<del>{}</del>"), "ins": Markup("<ins>{}</ins>")}
WORD = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, kw_only=True)
class Flip:
    """An item that one run did better on, with the row of each."""

    item: Item
    place: tuple[int, int]
    texts: Sequence[tuple[str, Markup, Markup]]  # field, of A, of B
    fields: Sequence[tuple[str, str, str]]


def pair_page(request: Request) -> Response:
    """The page of two runs."""
    root, path, query = request.app.state.root, request.path_params, request.query_params
    a, b = (run_path(root, path[side]) for side in ("a", "b"))
    number = int(query["page"]) if query.get("page", "").isdecimal() and len(query["page"]) < 8 else 1
    upgrade = request.app.state.upgrade
    values = pair_values(
        root, a, b, upgrade=upgrade, name=query.get("eval"), side=query.get("side"), number=max(1, number)
    )
    return page("pair.html", **values)


def pair_values(
    root: Path,
    a: Path,
    b: Path,
    *,
    upgrade: Upgrade | None,
    name: str | None = None,
    side: str | None = None,
    number: int = 1,
) -> dict[str, Any]:
    """All that the page shows; flips of one eval, worse ones unless `side` is won."""
    why = ""
    compared: list[Compared] = []
    not_compared: Sequence[Any] = ()
    try:
        check_installed()
        compared, not_compared = compare_runs(a, b)
    except Refused as refused:
        why = str(refused)
    shown = next((one for one in compared if one.eval == name), compared[0] if compared else None)
    items = (shown.won if side == "won" else shown.lost) if shown else ()
    start = (number - 1) * PAGE_SIZE
    configs = [read_object(root, run.name, "config.json") for run in (a, b)]
    return {
        "a": a.name,
        "b": b.name,
        "changes": changes(configs[0], configs[1], upgrade),
        "compared": [(one, edge_word(one)) for one in compared],
        "not_compared": not_compared,
        "why": why,
        "shown": shown,
        "side": "won" if side == "won" else "lost",
        "flips": _flips(a, b, shown, items[start : start + PAGE_SIZE]) if shown else [],
        "number": number,
        "num_pages": max(1, -(-len(items) // PAGE_SIZE)),
    }


def _flips(a: Path, b: Path, shown: Compared, items: Sequence[Item]) -> list[Flip]:
    readings = read_eval(a, shown.eval, step=shown.a.step), read_eval(b, shown.eval, step=shown.b.step)
    of_a, of_b = (_places(reading) for reading in readings)
    return [_flip(item, of_a[item.id], of_b[item.id]) for item in items]


def _places(reading: Reading | None) -> dict[str, tuple[int, Mapping[str, Any]]]:
    return {str(row["id"]): (place, row) for place, row in enumerate(reading.rows if reading else ())}


def _flip(item: Item, a: tuple[int, Mapping[str, Any]], b: tuple[int, Mapping[str, Any]]) -> Flip:
    (long_a, short_a), (long_b, short_b) = parts(a[1]), parts(b[1])
    texts_a, texts_b = dict(long_a), dict(long_b)
    small_a, small_b = dict(short_a), dict(short_b)
    texts = [
        (key, *_differing(texts_a.get(key, ""), texts_b.get(key, ""))) for key in dict.fromkeys([*texts_a, *texts_b])
    ]
    fields = [(key, small_a.get(key, ""), small_b.get(key, "")) for key in dict.fromkeys([*small_a, *small_b])]
    return Flip(item=item, place=(a[0], b[0]), texts=texts, fields=fields)


def _differing(a: str, b: str) -> tuple[Markup, Markup]:
    """Both texts, with the words that only one of them has marked."""
    if a == b or len(a) + len(b) > MAX_COMPARED_CHARACTERS:
        return visible(a[:MAX_COMPARED_CHARACTERS]), visible(b[:MAX_COMPARED_CHARACTERS])
    words_a, words_b = WORD.findall(a), WORD.findall(b)
    sides: tuple[list[Markup], list[Markup]] = ([], [])
    for kind, a0, a1, b0, b1 in difflib.SequenceMatcher(None, words_a, words_b, autojunk=False).get_opcodes():
        for side, words, tag in ((0, words_a[a0:a1], "del"), (1, words_b[b0:b1], "ins")):
            text = visible("".join(words))
            sides[side].append(text if kind == "equal" or not words else MARKED[tag].format(text))
    return Markup("").join(sides[0]), Markup("").join(sides[1])
