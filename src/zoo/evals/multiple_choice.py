"""Which of a few answers a model finds likeliest, and how likely it finds the right one.

A question is {"id", "question", "choices": [...], "answer": the right one's place from 0, "cluster"?}. `next_lines`
makes questions of held-out text, so that no download is needed.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from zoo.corpus import SEPARATOR, Document
from zoo.evals.questions import read_questions
from zoo.inference import inference
from zoo.losses import IGNORED

SCORES = {
    "accuracy": {"field": "correct", "higher_is_better": True, "cluster": None},
    "probability": {"field": "probability", "higher_is_better": True, "cluster": None},
}
NUM_CHOICES = 4
CONTEXT_LINES = 8
MIN_LINE_CHARACTERS = 12  # a bracket alone is no choice
Question = dict[str, Any]


def scores_of(questions: Sequence[Question]) -> dict[str, dict[str, Any]]:
    """SCORES, clustered where every question names its cluster."""
    cluster = "cluster" if all("cluster" in question for question in questions) else None
    return {metric: score | {"cluster": cluster} for metric, score in SCORES.items()}


def read_choices(path: Path) -> list[Question]:
    """The questions of a file. ValueError, with the place, for one that cannot be asked."""
    questions = read_questions(path, fields=("question", "choices", "answer"))
    for question in questions:
        choices, answer = question["choices"], question["answer"]
        fits = isinstance(choices, list) and len(choices) > 1 and all(isinstance(c, str) and c for c in choices)
        if not fits or type(answer) is not int or not 0 <= answer < len(choices):
            raise ValueError(
                f"{path}: {question['id']!r}: choices are two texts or more, and answer the place of one, from 0"
            )
    return questions


def next_lines(documents: Sequence[Document], *, num_questions: int) -> list[Question]:
    """Which of four lines of a document comes next? Chosen by hashes of names and lines, so never by chance."""
    candidates = [
        (hashlib.sha256(f"{document.name}/{number}".encode()).hexdigest(), document.name, number)
        for document in documents
        for number in range(CONTEXT_LINES, document.content.count(b"\n"))
    ]
    lines = {document.name: document.content.decode(errors="replace").splitlines() for document in documents}
    questions: list[Question] = []
    for digest, name, number in sorted(candidates):
        if len(questions) == num_questions:
            break
        if question := _next_line(lines[name], name, number, digest):
            questions.append(question)
    if not questions:
        raise ValueError("the held-out text has no document of 9 lines or more to ask about")
    return questions


def choose(
    model: nn.Module, questions: Sequence[Question], *, max_positions: int, batch_choices: int, per_byte: bool
) -> Iterator[dict[str, Any]]:
    """One row per question: the choices with their bits, what was chosen, whether that is right.

    The right one's probability is among the choices alone, of bits per byte with `per_byte`, else of bits.
    """
    pending: list[Question] = []
    for question in questions:
        pending.append(question)
        if sum(len(waiting["choices"]) for waiting in pending) >= batch_choices:
            yield from _rows(model, pending, max_positions=max_positions, per_byte=per_byte)
            pending = []
    if pending:
        yield from _rows(model, pending, max_positions=max_positions, per_byte=per_byte)


def rescore(row: Mapping[str, Any], *, per_byte: bool) -> dict[str, Any]:
    """The scores of a row from the bits that it keeps."""
    sizes = [len(choice.encode()) for choice in row["choices"]]
    costs = [bits / size if per_byte else bits for bits, size in zip(row["bits"], sizes, strict=True)]
    chosen = costs.index(min(costs))
    weights = [2.0 ** (min(costs) - cost) for cost in costs]
    probability = weights[row["answer"]] / math.fsum(weights)
    return {**row, "chosen": chosen, "correct": chosen == row["answer"], "probability": probability}


def metrics(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The share of right choices, and the mean probability of the right one."""
    return {
        "accuracy": sum(row["correct"] for row in rows) / len(rows),
        "probability": math.fsum(row["probability"] for row in rows) / len(rows),
        "num_questions": len(rows),
    }


def bits_of(model: nn.Module, pairs: Sequence[tuple[bytes, bytes]], *, max_positions: int) -> list[float]:
    """The bits of each continuation after its context, one batch."""
    return [bits for bits, _ in judged(model, pairs, max_positions=max_positions)]


def judged(model: nn.Module, pairs: Sequence[tuple[bytes, bytes]], *, max_positions: int) -> list[tuple[float, bool]]:
    """The bits of each continuation after its context, and whether each of its bytes is the likeliest; one batch.

    The start of what is too long is forgotten.
    """
    texts = [(SEPARATOR + context + continuation)[-max_positions - 1 :] for context, continuation in pairs]
    width = max(map(len, texts)) - 1
    targets = [
        [IGNORED] * max(0, len(text) - 1 - len(continuation)) + list(text[-min(len(continuation), len(text) - 1) :])
        for text, (_, continuation) in zip(texts, pairs, strict=True)
    ]
    with inference(model) as device:
        inputs_BT = torch.tensor([[*text[:-1], *bytes(width + 1 - len(text))] for text in texts], device=device)
        targets_BT = torch.tensor([row + [IGNORED] * (width - len(row)) for row in targets], device=device)
        logits_BVT = model(inputs_BT).transpose(1, 2)
        nats_BT = F.cross_entropy(logits_BVT, targets_BT, ignore_index=IGNORED, reduction="none")
        nats: list[float] = nats_BT.sum(dim=1, dtype=torch.float64).tolist()
        is_likeliest: list[bool] = (
            ((logits_BVT.argmax(dim=1) == targets_BT) | (targets_BT == IGNORED)).all(dim=1).tolist()
        )
    return [(value / math.log(2), greedy) for value, greedy in zip(nats, is_likeliest, strict=True)]


def _rows(
    model: nn.Module, questions: Sequence[Question], *, max_positions: int, per_byte: bool
) -> Iterator[dict[str, Any]]:
    pairs = [(q["question"].encode(), choice.encode()) for q in questions for choice in q["choices"]]
    bits = iter(bits_of(model, pairs, max_positions=max_positions))
    for question in questions:
        cluster = {"cluster": question["cluster"]} if "cluster" in question else {}
        row = {
            "id": question["id"],
            "prompt": question["question"],
            "choices": question["choices"],
            "answer": question["answer"],
            "bits": [next(bits) for _ in question["choices"]],
            **cluster,
        }
        yield rescore(row, per_byte=per_byte)


def _next_line(lines: Sequence[str], name: str, number: int, digest: str) -> Question | None:
    """A question about one line; None where the document has not enough other lines of its kind."""
    right = lines[number] if number < len(lines) else ""
    if len(right.strip()) < MIN_LINE_CHARACTERS or "\0" in right:
        return None
    ranked = sorted(
        {line for line in lines if len(line.strip()) >= MIN_LINE_CHARACTERS} - {right},
        key=lambda line: (abs(len(line) - len(right)), hashlib.sha256(f"{digest}{line}".encode()).digest()),
    )
    if len(ranked) < NUM_CHOICES - 1:
        return None
    choices = sorted([right, *ranked[: NUM_CHOICES - 1]], key=lambda line: hashlib.sha256(line.encode()).digest())
    context = "".join(f"{line}\n" for line in lines[number - CONTEXT_LINES : number])
    return {
        "id": f"{name}:{number + 1}",
        "question": context,
        "choices": [f"{choice}\n" for choice in choices],
        "answer": choices.index(right),
        "cluster": name,
    }
