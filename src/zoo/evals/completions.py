"""Completions of prompts: raw text to read, and the shares of it that are Python, go in circles, or are copied.

"Is Python" means that `ast.parse` accepts it; nothing is executed.
"""

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from zoo.evals.copies import MIN_COPIED_BYTES, Training, longest_copy, repeats
from zoo.evals.text import MAX_BATCH, bytes_of, completions_of, text_fields

SCORES: dict[str, dict[str, Any]] = {
    "parse_rate": {"field": "parses", "higher_is_better": True},
    "repeat_rate": {"field": "repeats", "higher_is_better": False},
    "copy_rate": {"field": "copies", "higher_is_better": False},
}
STATEMENT = re.compile(rb"(?!(?:else|elif|except|finally)\b)[A-Za-z_@]")  # how a line opens a top-level statement


def repeat(prompts: Sequence[tuple[str, str]], *, samples_per_prompt: int) -> list[tuple[str, str]]:
    """Ask for several samples of each prompt: "p0" becomes "p0/0", "p0/1", ..."""
    return [(f"{name}/{index}", text) for name, text in prompts for index in range(samples_per_prompt)]


def scores_of(*, samples_per_prompt: int) -> dict[str, dict[str, Any]]:
    """SCORES; several samples of one prompt are no independent items, and are clustered by it."""
    cluster = "cluster" if samples_per_prompt > 1 else None
    return {metric: score | {"cluster": cluster} for metric, score in SCORES.items()}


def complete(
    model: nn.Module,
    prompts: Sequence[tuple[str, str]],
    *,
    num_bytes: int,
    temperature: float,
    max_positions: int,
    seed: int,
    top_p: float = 1.0,
    training: Training = b"",
) -> Iterator[dict[str, Any]]:
    """One row per (id, text): id, cluster (its prompt), prompt, completion and scores. Short prompts come first.

    A prompt stands at the start of a document, and its completion ends where the model ends the document, after
    `num_bytes` at the latest. A sample's random numbers depend on `seed` and its id alone, so it does not matter how
    prompts are spread over processes. Copies are looked for in `training`.
    """
    in_order = sorted(prompts, key=lambda prompt: len(prompt[1].encode()))
    for start in range(0, len(in_order), MAX_BATCH):
        batch = in_order[start : start + MAX_BATCH]
        done = completions_of(
            model,
            batch,
            num_bytes=num_bytes,
            temperature=temperature,
            top_p=top_p,
            max_positions=max_positions,
            seed=seed,
        )
        for (name, text), completion in zip(batch, done, strict=True):
            copied = longest_copy(completion, training)
            row = {"id": name, "prompt": text, **text_fields(completion), "copied_bytes": copied}
            yield rescore(row)


def rescore(row: Mapping[str, Any]) -> dict[str, Any]:
    """The scores of a row that was kept, anew. What was copied stays as it was found: that takes the training text."""
    completion = bytes_of(row)
    return {
        **row,
        "cluster": row["id"].rpartition("/")[0] or row["id"],
        "parses": is_python(row["prompt"].encode() + completion),
        "repeats": repeats(completion),
        "copies": row.get("copied_bytes", 0) >= MIN_COPIED_BYTES,
    }


def metrics(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Shares of samples that parse, that repeat themselves, that hold a copy; and how many samples there are."""
    shares = {
        metric: sum(row[score["field"]] for row in rows) / len(rows)  # bool counts as 0 or 1
        for metric, score in SCORES.items()
    }
    return {**shares, "num_samples": len(rows)}


def is_python(source: bytes) -> bool:
    """Does the part of `source` that is complete parse? It was cut anywhere, so its last statement may be half there.

    Where nothing is complete there is nothing to accept.
    """
    part = complete_part(source)
    if not part.strip():
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as SyntaxWarning for "\\d"; samples are full of them
            ast.parse(part)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def complete_part(source: bytes) -> bytes:
    """Cut to complete lines and, where there are several top-level statements, to before the last one."""
    lines = source[: source.rfind(b"\n") + 1].splitlines(keepends=True)
    starts = [index for index, line in enumerate(lines) if STATEMENT.match(line)]
    if len(starts) < 2:
        return b"".join(lines)
    last = starts[-1]
    while last and lines[last - 1].startswith(b"@"):  # a decorator belongs to the statement below it
        last -= 1
    return b"".join(lines[:last])
