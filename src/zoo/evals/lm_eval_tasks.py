"""Tasks of EleutherAI's lm-evaluation-harness on a model over bytes, when the package lm_eval is installed.

It brings its own prompts and scores; a row is one task or group, with its samples inside. Data of tasks must be on this
machine: the hub is not asked. lm_eval's `simple_evaluate` is not used: it sets every random seed of the process, which
would change the training around it, and answers on the first process of a machine alone.
"""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from numbers import Real
from pathlib import Path
from typing import Any

from torch import nn

from zoo.evals.multiple_choice import judged
from zoo.evals.text import completions_of

MAX_BATCH = 32
OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
NOT_METRICS = ("sample_len", "sample_count")


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
    """One row per task or group: id, metrics (numbers by name), num_questions and the samples as lm_eval gives them."""
    for variable in OFFLINE:
        os.environ.setdefault(variable, "1")  # read when `datasets` is imported, which happens below
    evaluate: Any = import_module("lm_eval.evaluator").evaluate  # an optional package: no floor is built on it
    task_manager: Any = import_module("lm_eval.tasks").TaskManager

    language_model = _language_model(model, num_bytes=num_bytes, max_positions=max_positions, seed=seed)
    manager = task_manager(include_path=str(Path(include_path).resolve()) if include_path else None)
    for task in tasks:
        loaded = manager.load([task])
        for one in loaded["tasks"].values():
            if one.get_config("num_fewshot") is None:
                one.set_config(key="num_fewshot", value=0)
            one.set_fewshot_seed(seed=seed)
        done = evaluate(language_model, loaded, limit=max_questions, bootstrap_iters=0, log_samples=True)
        samples = [_plain(sample) for of_task in done["samples"].values() for sample in of_task]
        numbers = _numbers(done["results"], task)
        yield {"id": task, "metrics": numbers, "num_questions": len(samples), "samples": samples}


def metrics(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Every number of every task, as TASK/METRIC."""
    return {f"{row['id']}/{name}": value for row in rows for name, value in row["metrics"].items()}


def _numbers(results: Mapping[str, Mapping[str, Any]], task: str) -> dict[str, float]:
    """lm_eval's "acc,none" as acc, "exact_match,strict" as it is; of the tasks of a group with their names in front."""
    return {
        ("" if name == task else f"{name}/") + key.removesuffix(",none"): float(value)
        for name, of_task in results.items()
        for key, value in of_task.items()
        if isinstance(value, Real) and math.isfinite(value) and "_stderr" not in key and key not in NOT_METRICS
    }


def _language_model(model: nn.Module, *, num_bytes: int, max_positions: int, seed: int) -> Any:
    """What lm_eval asks: three questions, answered by the functions that our own evals use."""
    language_model: Any = import_module("lm_eval.api.model").LM

    def judge(pairs: Sequence[tuple[bytes, bytes]]) -> list[tuple[float, bool]]:
        batches = (pairs[start : start + MAX_BATCH] for start in range(0, len(pairs), MAX_BATCH))
        return [
            (-bits * math.log(2), is_likeliest)
            for batch in batches
            for bits, is_likeliest in judged(model, batch, max_positions=max_positions)
        ]

    class Bytes(language_model):  # type: ignore[misc]
        def loglikelihood(self, requests: Any, **_: Any) -> list[tuple[float, bool]]:
            return judge([(request.args[0].encode(), request.args[1].encode()) for request in requests])

        def loglikelihood_rolling(self, requests: Any, **_: Any) -> list[float]:
            texts = [request.args[0].encode() for request in requests]
            return [math.fsum(nats for nats, _ in judge(_pieces(text, max_positions))) for text in texts]

        def generate_until(self, requests: Any, **_: Any) -> list[str]:
            return [self._generate(f"{number}/{request.args[0]}", request) for number, request in enumerate(requests)]

        def _generate(self, name: str, request: Any) -> str:
            text, settings = request.args
            ends = settings.get("until") or []
            ends = [ends] if isinstance(ends, str) else ends
            (written,) = completions_of(
                model,
                [(name, text)],
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


def _plain(sample: Mapping[str, Any]) -> dict[str, Any]:
    """What of a sample is plain data."""
    return {key: value for key, value in sample.items() if isinstance(value, str | int | float | bool | list | dict)}
