"""Tasks of EleutherAI's lm-evaluation-harness on a model over bytes, when the package lm_eval is installed.

It brings its own prompts and scores; the rows are its samples, under `TASK/number`. Data of tasks must be on this
machine: the hub is not asked.
"""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from zoo.evals.multiple_choice import bits_of
from zoo.evals.text import completions_of

MAX_BATCH = 32


def check_installed() -> None:
    """ValueError, with the way to mend it, when the package is not there."""
    if find_spec("lm_eval") is None:
        raise ValueError('kind = "lm_eval" needs a package that is not installed: pip install lm_eval')


def measure(
    model: nn.Module,
    tasks: Sequence[str],
    *,
    include_path: str | None,
    max_questions: int | None,
    num_bytes: int,
    max_positions: int,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """One row per task: id, metrics (numbers by name), num_questions and the samples as lm_eval gives them."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    simple_evaluate = import_module("lm_eval").simple_evaluate  # an optional package: no floor is built on it
    task_manager = import_module("lm_eval.tasks").TaskManager

    language_model = _language_model(model, num_bytes=num_bytes, max_positions=max_positions, seed=seed)
    manager = task_manager(include_path=str(Path(include_path).resolve()) if include_path else None)
    for task in tasks:
        done = simple_evaluate(
            model=language_model,
            tasks=[task],
            task_manager=manager,
            limit=max_questions,
            log_samples=True,
            bootstrap_iters=0,
        )
        samples = [_sample(sample) for sample in done["samples"][task]]
        numbers = {
            key.partition(",")[0]: float(value)
            for key, value in done["results"][task].items()
            if isinstance(value, int | float) and math.isfinite(value) and "stderr" not in key
        }
        yield {"id": task, "metrics": numbers, "num_questions": len(samples), "samples": samples}


def metrics(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Every number of every task, as TASK/METRIC."""
    return {f"{row['id']}/{name}": value for row in rows for name, value in row["metrics"].items()}


def _language_model(model: nn.Module, *, num_bytes: int, max_positions: int, seed: int) -> Any:
    """What lm_eval asks: three questions, answered by the functions that our own evals use."""
    language_model: Any = import_module("lm_eval.api.model").LM

    class Bytes(language_model):  # type: ignore[misc]
        def loglikelihood(self, requests: Any, **_: Any) -> list[tuple[float, bool]]:
            pairs = [tuple(text.encode() for text in request.args) for request in requests]
            bits = [
                number
                for start in range(0, len(pairs), MAX_BATCH)
                for number in bits_of(model, pairs[start : start + MAX_BATCH], max_positions=max_positions)
            ]
            return [(-number * math.log(2), False) for number in bits]

        def loglikelihood_rolling(self, requests: Any, **_: Any) -> list[float]:
            texts = [request.args[0].encode() for request in requests]
            return [
                -math.log(2) * sum(bits_of(model, _pieces(text, max_positions), max_positions=max_positions))
                for text in texts
            ]

        def generate_until(self, requests: Any, **_: Any) -> list[str]:
            return [self._generate(request) for request in requests]

        def _generate(self, request: Any) -> str:
            text, settings = request.args
            ends = settings.get("until", [])
            ends = [ends] if isinstance(ends, str) else ends
            (written,) = completions_of(
                model,
                [(text, text)],
                num_bytes=min(num_bytes, settings.get("max_gen_toks", num_bytes)),
                temperature=settings.get("temperature", 0.0) if settings.get("do_sample") else 0.0,
                top_p=settings.get("top_p", 1.0),
                max_positions=max_positions,
                seed=seed,
            )
            shown = written.decode(errors="backslashreplace")
            return min((shown.partition(end)[0] for end in ends if end), key=len, default=shown)

    return Bytes()


def _pieces(text: bytes, max_positions: int) -> list[tuple[bytes, bytes]]:
    """The text as (context, continuation) such that each byte is scored once."""
    half = max(1, max_positions // 2)
    return [(text[max(0, start - half) : start], text[start : start + half]) for start in range(0, len(text), half)]


def _sample(sample: Mapping[str, Any]) -> dict[str, Any]:
    """What of a sample is plain data."""
    return {key: value for key, value in sample.items() if isinstance(value, str | int | float | bool | list | dict)}
