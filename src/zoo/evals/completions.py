"""Completions of prompts: raw text to read, and the share of it that is Python.

"Is Python" means that `ast.parse` accepts it; nothing is executed.
"""

import ast
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from zoo.corpus import SEPARATOR
from zoo.generate import generate, noise_of

MAX_BATCH = 64
STATEMENT = re.compile(rb"(?!(?:else|elif|except|finally)\b)[A-Za-z_@]")  # how a line opens a top-level statement


def repeat(prompts: Sequence[tuple[str, str]], *, samples_per_prompt: int) -> list[tuple[str, str]]:
    """Ask for several samples of each prompt: "p0" becomes "p0/0", "p0/1", ..."""
    return [(f"{name}/{index}", text) for name, text in prompts for index in range(samples_per_prompt)]


def complete(
    model: nn.Module,
    prompts: Sequence[tuple[str, str]],
    *,
    num_bytes: int,
    temperature: float,
    max_positions: int,
    seed: int,
    top_p: float = 1.0,
) -> Iterator[dict[str, Any]]:
    """One row per (id, text): id, prompt, completion, parses. Rows come grouped by the prompts' lengths.

    A prompt stands at the start of a document, and its completion ends where the model ends the document, after
    `num_bytes` at the latest. A sample's random numbers depend on `seed` and its id alone, so it does not matter how
    prompts are spread over processes.
    """
    by_length: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    for name, text in prompts:
        by_length[len(text.encode())].append((name, text))
    for group in by_length.values():
        for start in range(0, len(group), MAX_BATCH):
            batch = group[start : start + MAX_BATCH]
            completions = generate(
                model,
                [SEPARATOR + text.encode() for _, text in batch],
                [noise_of(name, seed=seed, num_bytes=num_bytes) for name, _ in batch],
                temperature=temperature,
                top_p=top_p,
                max_positions=max_positions,
            )
            for (name, text), completion in zip(batch, completions, strict=True):
                yield _row(name, text, completion.partition(SEPARATOR)[0])


def metrics(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The share of samples that parse, and how many there are."""
    parses = [row["parses"] for row in rows]
    return {"parse_rate": sum(parses) / len(parses), "num_samples": len(parses)}


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


def _row(name: str, prompt: str, completion: bytes) -> dict[str, Any]:
    return {
        "id": name,
        "prompt": prompt,
        "completion": completion.decode(errors="backslashreplace"),
        "parses": is_python(prompt.encode() + completion),
    }
