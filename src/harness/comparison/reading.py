"""What one eval left in a run, read whole: its numbers, its rows, its scores, and what it was measured on.

Two readings are compared only if they were measured alike: `unlike` says what differs. Runs of before identities were
kept are held to what their rows show. The standard library alone: the last screen of a run asks here too.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.comparison.address import visible
from harness.comparison.scores import Row, Score, scores_of
from harness.launch import Refused
from harness.rows import read

STEP = re.compile(r"step_\d+")
MAX_NAMES_SHOWN = 3  # ids in a sentence

# Of an identity what makes two measurements unlike; the source may differ while its version says that it measures the
# same.
MEASURED_ON = {
    "eval": "the evals",
    "version": "the versions of the eval",
    "prompts_sha256": "the prompts",
    "data_sha256": "the data",
    "decoding": "the settings of decoding",
}
NOT_MEASURED = ("batch_windows", "batch_choices")  # settings of how fast, in runs that kept no identity


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One eval of one run at one step. `identity` is empty where the run kept none; `settings` are of its config."""

    folder: Path
    step: int
    metrics: Mapping[str, Any]
    rows: Sequence[Row]
    scores: Sequence[Score]
    identity: Mapping[str, Any]
    settings: Mapping[str, Any]


def read_metrics(run: Path, name: str, *, step: int | None = None) -> dict[str, float]:
    """The finite metrics of one eval at its last step, or at the one given; none where it was not run."""
    folder = _folder(run, name, step)
    try:
        metrics = json.loads((folder / "result.json").read_bytes())["metrics"] if folder else {}
        return {key: float(value) for key, value in metrics.items() if isinstance(value, int | float)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Refused(f"{folder}: cannot be read as an eval: {error!r}") from error


def eval_names(run: Path) -> list[str]:
    """The evals of a run that have a result, sorted."""
    return sorted({path.parent.parent.name for path in (run / "evals").glob("*/step_*/result.json")})


def read_eval(run: Path, name: str, *, step: int | None = None) -> Reading | None:
    """One eval at its last step, or at the one given; None where it was not run. Raises Refused for a broken file."""
    folder = _folder(run, name, step)
    if folder is None:
        return None
    try:
        result = json.loads((folder / "result.json").read_bytes())
        metrics, identity = dict(result["metrics"]), result.get("identity") or {}
        samples = folder / "samples.jsonl"
        rows = read(samples) if samples.exists() else []
        scores = scores_of(result, rows)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Refused(f"{folder}: cannot be read as an eval: {error!r}") from error
    if any("id" not in row for row in rows):
        raise Refused(f"{folder / 'samples.jsonl'}: a row has no id, so it cannot be found in another run")
    if len({str(row["id"]) for row in rows}) < len(rows):
        raise Refused(f"{folder / 'samples.jsonl'}: two rows have the same id, so items cannot be paired")
    return Reading(
        folder=folder,
        step=_step_of(folder),
        metrics=metrics,
        rows=rows,
        scores=scores,
        identity=identity,
        settings={} if identity else _settings(run, name),
    )


def _folder(run: Path, name: str, step: int | None) -> Path | None:
    """The last step that has a result, or the one given."""
    folders = {
        _step_of(path.parent): path.parent
        for path in (run / "evals" / name).glob("step_*/result.json")
        if STEP.fullmatch(path.parent.name)
    }
    return folders.get(max(folders, default=0) if step is None else step)


def _step_of(folder: Path) -> int:
    return int(folder.name.removeprefix("step_"))


def unlike(a: Reading, b: Reading) -> str:
    """What the two were not measured alike on, as the rest of a sentence; empty when nothing is known to differ."""
    differing = [
        f"{what} differ ({visible(_apart(a.identity[field], b.identity[field]))})"
        for field, what in MEASURED_ON.items()
        if field in a.identity and field in b.identity and a.identity[field] != b.identity[field]
    ]
    return "; ".join(differing) or _unlike_settings(a, b) or _unlike_rows(a, b)


def unknown_fields(a: Reading, b: Reading) -> list[str]:
    """What of the two cannot be compared, because one of the runs did not keep it."""
    return [
        what.removeprefix("the ")
        for field, what in MEASURED_ON.items()
        if field not in a.identity or field not in b.identity
    ]


def has_other_source(a: Reading, b: Reading) -> bool:
    """Whether both say which source measured them, and it is not the same."""
    sources = [reading.identity.get("source_sha256") for reading in (a, b)]
    return None not in sources and sources[0] != sources[1]


def contexts_of(a: Reading, b: Reading) -> tuple[int, int] | None:
    """How far back each model looks, where both say so and it is not the same: told, and no reason to refuse."""
    of_a, of_b = (reading.identity.get("context") for reading in (a, b))
    return None if of_a is None or of_b is None or of_a == of_b else (int(of_a), int(of_b))


def named(ids: Sequence[str]) -> str:
    """Some ids for a sentence: the first ones, and how many more."""
    rest = f" and {len(ids) - MAX_NAMES_SHOWN} more" if len(ids) > MAX_NAMES_SHOWN else ""
    return ", ".join(map(visible, ids[:MAX_NAMES_SHOWN])) + rest


def _settings(run: Path, name: str) -> dict[str, Any]:
    """What the config of a run says of an eval; nothing where it cannot be read."""
    try:
        config = json.loads((run / "config.json").read_bytes())
        return {
            key: entry["value"]
            for key, entry in config.items()
            if key.startswith(f"eval.{name}.") and key.rpartition(".")[2] not in NOT_MEASURED
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _unlike_settings(a: Reading, b: Reading) -> str:
    """Of runs without identity: settings of the eval that both had and that are not the same."""
    shared = a.settings.keys() & b.settings.keys()
    apart = _apart(*({key: one.settings[key] for key in sorted(shared)} for one in (a, b)))
    return f"its settings differ ({visible(apart)})" if apart else ""


def _unlike_rows(a: Reading, b: Reading) -> str:
    """Rows of the same id that show another prompt, or another size or cluster of the item."""
    others = {str(row["id"]): row for row in b.rows}
    pairs = [(row, others[str(row["id"])]) for row in a.rows if str(row["id"]) in others]
    fields = dict.fromkeys(["prompt", *(field for score in a.scores for field in (score.per, score.cluster) if field)])
    for field in fields:
        ids = [str(x["id"]) for x, y in pairs if field in x and field in y and x[field] != y[field]]
        if ids:
            return f"`{field}` differs on {len(ids)} of {len(pairs)} ids ({named(ids)})"
    return ""


def _apart(a: Any, b: Any) -> str:
    """Both values; of tables what differs in them."""
    if isinstance(a, dict) and isinstance(b, dict):
        keys = [key for key in {**a, **b} if a.get(key) != b.get(key)]
        return "; ".join(f"{key} {_short(a.get(key))} and {_short(b.get(key))}" for key in keys)
    return f"{_short(a)} and {_short(b)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    is_hash = re.fullmatch(r"[0-9a-f]{32,}", text) is not None
    return text[:8] if is_hash else text if len(text) <= 120 else text[:119] + "…"
