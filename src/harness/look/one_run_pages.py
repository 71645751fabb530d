"""All else about one run: config with its origins, code, environment, log, checkpoints, evals."""

import json
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from harness.analysis.code_changes import code_changes
from harness.analysis.find import parent_of
from harness.analysis.one_run import one_run
from harness.look.lab_pages import number_link
from harness.look.sample_pages import heading
from harness.look.sample_rows import eval_steps, inside, run_path
from harness.look.server import page
from harness.runs.facts import Upgrade

LOG_BYTES = 32_768  # of the end of a log
MAX_DIFF_CHARACTERS = 200_000
LOGS = ("log.txt", "output.txt", "output_rank0.txt", "error_rank0.txt")


def about_page(request: Request) -> Response:
    """One run on one page."""
    run = request.path_params["run"]
    values = about_values(request.app.state.root, run, request.app.state.upgrade)
    return page("about.html", **heading(request, run), tab="about", **values)


def about_values(root: Path, run: str, upgrade: Upgrade | None) -> dict[str, Any]:
    """All that the page shows, out of the run's files."""
    path = run_path(root, run)
    told = one_run(path, upgrade=upgrade)
    parent = parent_of(root, run)
    return {
        "told": told,
        "config": read_object(root, run, "config.json"),
        "changed": {row["key"]: row for row in told["changed"]},
        "environment": read_object(root, run, "environment.json"),
        "logs": [(name, tail) for name in LOGS if (tail := log_tail(root, run, name)) is not None],
        "checkpoints": [event for event in told["events"] if event["event"] == "checkpoint"],
        "steps": eval_steps(root, run),
        "code": code_changes(parent, path)[:MAX_DIFF_CHARACTERS] if parent else "",
        "number_link": number_link,
    }


def read_object(root: Path, run: str, name: str) -> dict[str, Any]:
    """A JSON object of a run; one that cannot be read is empty."""
    try:
        found = json.loads(inside(root, run, name).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def log_tail(root: Path, run: str, name: str) -> str | None:
    """The last whole lines of a log; None where there is none."""
    path = inside(root, run, name)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = max(0, file.seek(0, 2) - LOG_BYTES)
        file.seek(start)
        content = file.read(LOG_BYTES)
    lines = content.decode("utf-8", "replace")
    return lines.partition("\n")[2] if start else lines
