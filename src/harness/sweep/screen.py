"""A sweep on the screen: its points and their states, and what came of each setting, with the best marked.

Of settings that agree in all but the last key of the sweep's file, the best is marked: `width` above `lr` in the file
asks for the best `lr` of each `width`.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.analysis.numbers import short
from harness.analysis.overview import LOSS, lower_is_better
from harness.analysis.screen import Column, fitted
from harness.analysis.seeds import SEED, Replicates, Science, SeededRun, replicates
from harness.sweep.standing import Standing, summary_of

Values = Mapping[str, Any]
Setting = tuple[Values, Replicates]  # what a sweep varies but for the seed, and the finished runs of it


def metrics_of(standing: Sequence[Standing]) -> list[str]:
    """What the finished runs have measured."""
    summaries = (summary_of(each.run) for each in standing if each.run and not each.is_open)
    return list(dict.fromkeys(key for summary in summaries for key in summary))


def headline_of(metrics: Sequence[str]) -> str:
    """What is shown unless another is asked for: of evals the first metric of which less is better, else the loss."""
    return next((key for key in metrics if key.startswith("eval/") and lower_is_better(key)), LOSS)


def points_text(standing: Sequence[Standing], metric: str, width: int, marks: Mapping[str, str]) -> str:
    """A row for each point: its experiment, what it varies, its state, its metric, and the mark of its run."""
    runs = [each.run if each.run and not each.is_open else None for each in standing]
    results = [short(summary_of(run).get(metric)) if run else "" for run in runs]
    columns = [
        Column(title="experiment", cells=[each.point.experiment for each in standing], right=False, least=18),
        *_value_columns([each.point.values for each in standing]),
        Column(title="state", cells=[each.state for each in standing], right=False),
        Column(title=metric.rpartition("/")[2], cells=results, need=1),
        Column(title="", cells=[marks.get(run.name, "") if run else "" for run in runs], right=False, need=1),
    ]
    text, left_out = fitted(columns, width)
    named = [title for title in left_out if title]
    return f"{text}\nno room for {named[0]}; a wider terminal has it" if named else text


def settings_text(settings: Sequence[Setting], metric: str, width: int, marks: Mapping[str, str]) -> str:
    """A row for each setting: the mean over its seeds, its spread, their number, and whether it is the best."""
    spread = [group.metrics[metric] for _, group in settings]
    columns = [
        *_value_columns([values for values, _ in settings]),
        Column(title=metric, cells=[short(mean) for mean, _, _ in spread]),
        Column(title="sd", cells=["" if sd is None else f"{sd:.2g}" for _, sd, _ in spread]),
        Column(title="n", cells=[str(num_seeds) for _, _, num_seeds in spread]),
        Column(title="", cells=[marks[group.runs[0]] for _, group in settings], right=False),
    ]
    return fitted(columns, width)[0]


def settings_of(standing: Sequence[Standing], metric: str, *, science: Science) -> list[Setting]:
    """The settings that have this metric, in the order of the file, each with its seeds taken together."""
    points = {each.run.name: each.point for each in reversed(standing) if each.run and not each.is_open}
    runs = [
        SeededRun(
            run=each.run.name, experiment=each.point.experiment, config=each.point.config, metrics={metric: value}
        )
        for each in standing
        if each.run and not each.is_open and (value := summary_of(each.run).get(metric)) is not None
    ]
    order = {each.run.name: number for number, each in reversed(list(enumerate(standing))) if each.run}
    groups = sorted(replicates(runs, science=science), key=lambda group: min(order[run] for run in group.runs))
    return [(_without_seed(points[group.runs[0]].values), group) for group in groups]


def best_marks(settings: Sequence[Values], metrics: Sequence[float], *, better: Callable[..., float]) -> list[str]:
    """`best` of those that differ in the last key alone, and `best of all`; nothing where no two results differ."""
    groups: dict[str, list[float]] = {}
    for values, metric in zip(settings, metrics, strict=True):
        if math.isfinite(metric):
            groups.setdefault(_above(values), []).append(metric)
    best = {above: better(found) for above, found in groups.items() if min(found) < max(found)}
    everything = [metric for metric in metrics if math.isfinite(metric)]
    is_choice = len(groups) > 1 and min(everything) < max(everything)
    marks = []
    for values, metric in zip(settings, metrics, strict=True):
        is_best_of_all = is_choice and metric == better(everything)
        marks.append("best of all" if is_best_of_all else "best" if metric == best.get(_above(values)) else "")
    return marks


def marks_of(settings: Sequence[Setting], metric: str, standing: Sequence[Standing]) -> dict[str, str]:
    """The marks by the run that comes first in each setting; none where nobody says what is better."""
    better = _better(metric, standing)
    means = [group.metrics[metric][0] for _, group in settings]
    marks = best_marks([values for values, _ in settings], means, better=better) if better else [""] * len(means)
    return {group.runs[0]: mark for (_, group), mark in zip(settings, marks, strict=True)}


def _better(metric: str, standing: Sequence[Standing]) -> Callable[..., float] | None:
    """`min` or `max`, as the eval itself says of its metric, else `min` by its name; None where nobody says."""
    _, _, rest = metric.partition("eval/")
    eval_name, _, name = rest.rpartition("/")
    for each in standing:
        for file in sorted(each.run.glob(f"evals/{eval_name}/step_*/result.json")) if each.run and eval_name else ():
            try:
                return max if json.loads(file.read_text("utf-8"))["scores"][name]["higher_is_better"] else min
            except (OSError, ValueError, KeyError, TypeError):  # of an older run, or no score of its
                continue
    return min if lower_is_better(metric) else None


def _above(values: Values) -> str:
    """All but the last key."""
    return repr(list(values.items())[:-1])


def _without_seed(values: Values) -> Values:
    return {key: value for key, value in values.items() if key != SEED}


def _value_columns(rows: Sequence[Values]) -> list[Column]:
    """A column for each key, under its last word where that says which key it is."""
    last = [key.rpartition(".")[2] for key in rows[0]]
    titles = [word if last.count(word) == 1 else key for word, key in zip(last, rows[0], strict=True)]
    return [
        Column(title=title, cells=[_text(values[key]) for values in rows], least=8)
        for title, key in zip(titles, rows[0], strict=True)
    ]


def _text(value: Any) -> str:
    """A value as it is written in a config."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
