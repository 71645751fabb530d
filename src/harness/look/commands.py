"""What tools/look does with its arguments: the page, some samples here, or one page to send. Gives the exit code."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from harness.analysis.find import find_run, run_names
from harness.analysis.seeds import Science
from harness.comparison.address import is_address, parse_address
from harness.comparison.sample_text import sample_text
from harness.launch import Refused
from harness.look.choosing import Choice, choose
from harness.look.marks import say
from harness.look.sample_rows import EvalStep, Samples, first_eval_step, samples_of
from harness.runs.facts import Upgrade

MAX_TEXT = 1_000  # samples in a terminal


def look(options: Namespace, *, science: Science, upgrade: Upgrade) -> int:
    """Does what was asked. Raises Refused."""
    if len(options.runs) > 2:
        raise Refused("at most two runs are looked at side by side\n  help: tools/look A B")
    run_names(options.root)  # refuses what is no store
    if options.text:
        return _text(options)
    _check_installed()
    if options.html:
        from harness.look.static_page import write_page

        write_page(options.html, options.root, _runs(options), seed=options.seed, science=science, upgrade=upgrade)
        print(f"{options.html}: {options.html.stat().st_size / 1e6:.1f} MB, opens from disk")
        return 0
    from harness.look.server import make_app, serve

    page = _page(options)  # samples need no table of runs, and must not wait for one
    make = partial(make_app, options.root, science=science, upgrade=upgrade, starts_tables=page == "/")
    serve(make, port=options.port, page=page, is_opened=not options.no_open)
    return 0


def _page(options: Namespace) -> str:
    """The address that answers the arguments."""
    if len(options.runs) == 1 and is_address(options.runs[0]):
        address = parse_address(options.runs[0])
        run = find_run(options.root, address.run).name
        return f"/run/{quote(run)}/sample/{quote(address.eval, safe='')}/{address.step}?id={quote(address.id, safe='')}"
    names = [quote(run.name) for run in _runs(options)]
    return {0: "/", 1: f"/run/{names[0] if names else ''}", 2: f"/pair/{'/'.join(names)}"}[len(names)]


def _runs(options: Namespace) -> Sequence[Path]:
    found = [find_run(options.root, word) for word in options.runs]
    for run in found:
        if run.absolute().parent != options.root.absolute():
            raise Refused(f"{run} is not in {options.root}\n  help: --root {run.parent}")
    return found


def _text(options: Namespace) -> int:
    """Random samples of a run in the terminal, which counts as looking."""
    if not 1 <= options.n <= MAX_TEXT:
        raise Refused(f"-n {options.n}: from 1 to {MAX_TEXT}")
    if len(options.runs) != 1 or is_address(options.runs[0]):
        raise Refused("--text shows samples of one run\n  help: tools/look 22 --text; tools/compare takes an address")
    run = _runs(options)[0]
    at = first_eval_step(options.root, run.name)
    if at is None:
        raise Refused(f"{run.name} has left no samples\n  help: tools/eval {run.name}")
    samples = samples_of(options.root, at)
    places = _random_places(samples, options.n, options.seed)
    for place in places:
        print(_told(at, samples, place))
    print(f"{len(places)} of {len(samples.rows):,} samples of {at.eval}; tools/look {run.name} has all")
    try:
        say(options.root, at, [samples.rows[place] for place in places[:200]], "looked")
    except OSError as error:
        print(f"not counted as looked at: {error}", file=sys.stderr)
    return 0


def _random_places(samples: Samples, count: int, seed: int) -> list[int]:
    places: list[int] = []
    page = 1
    while len(places) < count:
        chosen = choose(samples, Choice(order="random", seed=seed, page=page), {})
        if chosen.page < page:
            break
        places += chosen.places
        page += 1
    return places[:count]


def _told(at: EvalStep, samples: Samples, place: int) -> str:
    from harness.comparison.address import Address

    row = samples.rows[place]
    return sample_text(Address(run=at.run, eval=at.eval, step=at.step, id=str(row.get("id", ""))), row)


def _check_installed() -> None:
    from importlib.util import find_spec

    needed = ("starlette", "jinja2", "uvicorn", "plotly", "duckdb")
    missing = [package for package in needed if find_spec(package) is None]
    if missing:
        raise Refused(f"the page needs {', '.join(missing)}\n  help: pip install 'falsework[ui]', or use --text")
