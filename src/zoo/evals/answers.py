"""Answers that a model writes to the questions of a file, each scored by one function of a file of its own.

    SCORES = {"exact": {"field": "exact", "higher_is_better": True}}

    def score(question, completion):                       # a line of the file, and what the model wrote
        return {"exact": completion.strip() == question["answer"]}

The mean of each field in SCORES is a metric. docs/evals.md goes from here to numbers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from zoo.corpus import SEPARATOR
from zoo.evals.questions import fill
from zoo.evals.text import MAX_BATCH, bytes_of, completions_of, text_fields

Question = dict[str, Any]
Score = Callable[[Question, str], Mapping[str, Any]]


def answer(
    model: nn.Module,
    questions: Sequence[Question],
    *,
    prompt: str,
    scorer: Score,
    num_bytes: int,
    temperature: float,
    max_positions: int,
    seed: int,
    top_p: float = 1.0,
    end: str | None = None,
) -> Iterator[dict[str, Any]]:
    """One row per question: id, prompt, completion, cluster where it has one, and what the function gives.

    The completion ends before `end`, where the model ends the document, or after `num_bytes`.
    """
    prompts = [(question["id"], fill(prompt, question)) for question in questions]
    in_order = sorted(range(len(prompts)), key=lambda index: len(prompts[index][1].encode()))
    for start in range(0, len(in_order), MAX_BATCH):
        batch = in_order[start : start + MAX_BATCH]
        written = completions_of(
            model,
            [prompts[index] for index in batch],
            num_bytes=num_bytes,
            temperature=temperature,
            top_p=top_p,
            max_positions=max_positions,
            seed=seed,
            end=end.encode() if end else SEPARATOR,
        )
        for index, completion in zip(batch, written, strict=True):
            name, text = prompts[index]
            row = {"id": name, "prompt": text, **text_fields(completion)}
            yield rescore(row, question=questions[index], scorer=scorer)


def rescore(row: Mapping[str, Any], *, question: Question, scorer: Score) -> dict[str, Any]:
    """A row with the scores that the function gives now."""
    cluster = {"cluster": question["cluster"]} if "cluster" in question else {}
    scores = dict(scorer(question, bytes_of(row).decode(errors="backslashreplace")))
    if clash := scores.keys() & {"id", "prompt", "completion", "error", "cluster"}:
        raise ValueError(f"a score cannot be called {', '.join(sorted(clash))}")
    kept = {key: row[key] for key in ("id", "prompt", "completion", "completion_base64") if key in row}
    return {**kept, **cluster, **scores}


def metrics(rows: Sequence[Mapping[str, Any]], *, scores: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The mean of each score over the rows that have it."""
    means = {}
    for metric, score in scores.items():
        values = [float(row[score["field"]]) for row in rows if row.get(score["field"]) is not None]
        if values:
            means[metric] = sum(values) / len(values)
    return {**means, "num_answers": len(rows)}
