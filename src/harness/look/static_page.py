"""One page that opens from disk and can be sent: no server, no other file, and nothing in it that runs but its own.

Its policy names the hashes of its two scripts and its style, so what a model wrote stays text in the reader's browser
too. plotly is inside only when there is a chart.
"""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness.analysis.curve_rows import curves_of
from harness.analysis.curves import thinned
from harness.analysis.overview import LOSS
from harness.analysis.seeds import Science
from harness.look.choosing import Choice, choose
from harness.look.curve_pages import MAX_POINTS, sent_curve
from harness.look.lab_pages import lab_values, number_link, tree_values
from harness.look.marks import said_about
from harness.look.one_run_pages import about_values
from harness.look.pair_pages import pair_values
from harness.look.sample_rows import first_eval_step, samples_of
from harness.look.sample_view import sample_view
from harness.look.server import HERE, plotly_path, rendered
from harness.look.tables import Tables
from harness.runs.facts import Upgrade

NUM_PAGES = 2  # of samples: 20 at random, and the 20 worst of the others


def write_page(
    path: Path, root: Path, runs: Sequence[Path], *, seed: int, science: Science, upgrade: Upgrade | None
) -> None:
    """Writes the page of the lab, of one run or of two. Raises Refused, and OSError for what cannot be written."""
    tables = Tables(root.absolute(), upgrade)
    names = [run.name for run in runs]
    curves = tables.ask(lambda store: curves_of(store, names, LOSS)) if names else []
    sent = [sent_curve(thinned(curve, MAX_POINTS), 0.0, LOSS) for curve in curves]
    style = Markup((HERE / "static/look.css").read_text("utf-8") + (HERE / "static/plotly.css").read_text("utf-8"))  # noqa: S704 - our own files
    scripts = _scripts() if sent else []
    values = {
        "style": style,
        "scripts": scripts,
        "policy": _policy(style, scripts),
        "curves": {"metric": LOSS, "curves": sent} if sent else None,
        "number_link": number_link,
        **_content(tables, root, names, seed=seed, science=science, upgrade=upgrade),
    }
    path.write_bytes(rendered("static.html", **values).encode("utf-8", "replace"))


def _content(
    tables: Tables, root: Path, names: Sequence[str], *, seed: int, science: Science, upgrade: Upgrade | None
) -> dict[str, Any]:
    if not names:
        lab = tables.ask(lambda store: lab_values({}, store, science))
        return {"kind": "lab", "title": "runs", "lab": lab, "tree": tables.ask(tree_values)}
    if len(names) == 2:
        pair = pair_values(root, root / names[0], root / names[1], upgrade=upgrade)
        return {"kind": "pair", "title": " and ".join(names), **pair}
    return {"kind": "run", "title": names[0], **_run_content(root, names[0], seed, upgrade)}


def _run_content(root: Path, run: str, seed: int, upgrade: Upgrade | None) -> dict[str, Any]:
    at = first_eval_step(root, run)
    content: dict[str, Any] = {"about": about_values(root, run, upgrade), "at": at, "views": [], "samples": None}
    if at is None:
        return content
    samples, said = samples_of(root, at), said_about(root, at)
    pages = [choose(samples, Choice(seed=seed, page=page), said) for page in range(1, NUM_PAGES + 1)]
    places = dict.fromkeys(place for chosen in pages for place in chosen.places)
    return {**content, "samples": samples, "views": [sample_view(samples, place, said) for place in places]}


def _scripts() -> list[Markup]:
    """The text of plotly and of our own drawing; neither holds the end of a script element."""
    texts = [plotly_path().read_text("utf-8"), (HERE / "static/charts.js").read_text("utf-8")]
    return [Markup(text.replace("</script", "<\\/script")) for text in texts]  # noqa: S704 - our own files


def _policy(style: str, scripts: Sequence[str]) -> str:
    allowed = " ".join(map(_hash, scripts)) or "'none'"
    return f"default-src 'none'; img-src data:; script-src {allowed}; style-src {_hash(style)}; base-uri 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
