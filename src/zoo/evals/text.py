"""Texts that a model writes for an eval, and how a row keeps them."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from zoo.corpus import SEPARATOR
from zoo.generate import generate, noise_of

MAX_BATCH = 64


def completions_of(
    model: nn.Module,
    prompts: Sequence[tuple[str, str]],
    *,
    num_bytes: int,
    temperature: float,
    top_p: float,
    max_positions: int,
    seed: int,
    end: bytes = SEPARATOR,
) -> list[bytes]:
    """What the model writes after each (id, text), one batch; without `end`, where it ends before `num_bytes`."""
    written = generate(
        model,
        [SEPARATOR + text.encode() for _, text in prompts],
        [noise_of(name, seed=seed, num_bytes=num_bytes) for name, _ in prompts],
        temperature=temperature,
        top_p=top_p,
        max_positions=max_positions,
        end=end,
    )
    return [text.partition(end)[0].partition(SEPARATOR)[0] for text in written]


def text_fields(completion: bytes) -> dict[str, str]:
    """The fields of a row that keep it: as text, and beside it as base64 where it is no UTF-8."""
    try:
        return {"completion": completion.decode()}
    except UnicodeDecodeError:
        shown = completion.decode(errors="backslashreplace")
        return {"completion": shown, "completion_base64": base64.b64encode(completion).decode()}


def bytes_of(row: Mapping[str, Any]) -> bytes:
    """The inverse of `text_fields`."""
    if "completion_base64" in row:
        return base64.b64decode(row["completion_base64"])
    return str(row["completion"]).encode()
