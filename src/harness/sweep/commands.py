"""What tools/sweep does with a sweep: its tables with the next commands, its list for a queue, its training."""

import shlex
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.analysis.find import root_words
from harness.analysis.names import unknown
from harness.analysis.screen import screen_width
from harness.analysis.seeds import Science
from harness.launch import Refused
from harness.lineage import parse_name
from harness.sweep.at_once import alone, run_points
from harness.sweep.screen import headline_of, marks_of, metrics_of, points_text, settings_of, settings_text
from harness.sweep.standing import FINISHED, RUNNING, Fingerprint, Point, Standing, standings

MAX_AT_ONCE = 256
CLEAR = "\r\x1b[K"  # of a terminal's line, from its beginning


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A sweep as it is asked about: `words` name it on the command line, `file` is held while it is trained."""

    words: Sequence[str]
    file: Path
    head: str
    points: Sequence[Point]
    runs_dir: Path


def answer(plan: Plan, options: Namespace, *, train: Sequence[str], science: Science) -> int:
    """Does what was asked and prints it; returns the exit code. Raises Refused."""
    if options.todo:
        print("".join(f"{each.argument}\n" for each in _to_begin(standings(plan.points, plan.runs_dir, {}))), end="")
        return 0
    if options.run is not None and not 1 <= options.run <= MAX_AT_ONCE:
        raise Refused(f"--run {options.run}: so many processes at once, 1 to {MAX_AT_ONCE}")
    tried: dict[Fingerprint, str] = {}
    code = 0
    if options.run:
        with alone(plan.file):
            tried, stopped_by = run_points(
                plan.points, plan.runs_dir, at_once=options.run, train=train, say=_say, status=_status
            )
        code = 130 if stopped_by else 1 if tried else 0
    print(_told(plan, options.metric, tried, science))
    return code


def _to_begin(standing: Sequence[Standing]) -> list[Standing]:
    """What is not finished and nobody trains, each experiment once."""
    first = {each.point.fingerprint: each for each in reversed(standing) if each.state not in (FINISHED, RUNNING)}
    return [each for each in standing if first.get(each.point.fingerprint) is each]


def _told(plan: Plan, metric: str | None, tried: Mapping[Fingerprint, str], science: Science) -> str:
    """The tables, what failed, and what to do next."""
    standing, width = [_ended(each, tried) for each in standings(plan.points, plan.runs_dir, {})], screen_width()
    known = metrics_of(standing)
    if metric and known and metric not in known:
        raise unknown("metric", metric, known, where=" in the runs of this sweep")
    metric = metric or headline_of(known)
    settings = settings_of(standing, metric, science=science)
    has_seeds = any(len(group.seeds) > 1 for _, group in settings)
    marks = marks_of(settings, metric, standing)
    parts = [points_text(standing, metric, width, {} if has_seeds else marks)]
    parts += [settings_text(settings, metric, width, marks)] if has_seeds else []
    counts = Counter(each.state for each in standing)
    lines = [f"{len(standing)} points: {', '.join(f'{number} {state}' for state, number in counts.items())}"]
    num_unlike = len({each.point.fingerprint for each in standing})
    lines += (
        [f"{num_unlike} of them differ: the others learn the same as one of these, and share its run"]
        if num_unlike < len(standing)
        else []
    )
    for each in standing:
        if each.state == "failed" or (each.is_open and each.point.fingerprint in tried):
            how = tried.get(each.point.fingerprint, f"failed ({each.run})")
            lines.append(f"{each.point.experiment} {how}")
    return "\n\n".join([plan.head, *parts, "\n".join([*lines, *_next(plan, standing, metric)])])


def _ended(each: Standing, tried: Mapping[Fingerprint, str]) -> Standing:
    """What we saw end runs no more, though a killed process's heartbeat is fresh for a while."""
    is_dead = each.state == RUNNING and each.point.fingerprint in tried
    return replace(each, state="crashed") if is_dead else each


def _next(plan: Plan, standing: Sequence[Standing], metric: str) -> list[str]:
    if num_left := len(_to_begin(standing)):
        words = shlex.join(plan.words)
        array = f"sbatch --array=0-{num_left - 1} docs/slurm.sh $(tools/sweep {words} --todo)"
        return [f"next: tools/sweep {words} --run 2", f"  or: {array}"]
    names = [parse_name(point.experiment.partition("+")[0]) for point in plan.points]
    parents = {name.parent for name in names if name and name.parent is not None}
    if len(parents) != 1 or any(each.is_open for each in standing):
        return []
    has_layers = "+" in plan.points[0].experiment  # so that no debug runs are between those of the sweep
    where = f"'{parents.pop()} IN (number, parent) AND profile IS {'NOT ' * has_layers}NULL'"
    asked = f"tools/runs{root_words(plan.runs_dir)} --where {where} --vary {metric}"
    return [f"next: {asked} says what made the difference"]


def _say(line: str) -> None:
    print(f"{CLEAR if sys.stdout.isatty() else ''}{line}", flush=True)


def _status(line: str) -> None:
    """A line that the next one takes the place of; nothing where lines stay."""
    if sys.stdout.isatty():
        print(f"{CLEAR}{line[: screen_width() - 1]}", end="", flush=True)
