"""Batches of training data as text: what is in each example, where it came from, and what the model is asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.look.visible import plain
from harness.order import Int64, Part

MAX_CHARACTERS = 2_000  # shown of one example
MAX_EXAMPLES = 8  # shown of one batch


@dataclass(frozen=True, kw_only=True)
class SeenExample:
    """One example of a batch."""

    place: str  # which example it is, where examples have numbers
    num_tokens: int
    text: str
    last_target: str  # targets are the inputs one further: this is the one that the inputs do not hold


def seen_examples(
    batch: Any,
    *,
    are_bytes: bool,
    indices: Int64 | None = None,
    epochs: Int64 | None = None,
    parts: Sequence[Part] = (),
) -> list[SeenExample]:
    """The examples of a batch (inputs [B, T], targets [B, T]). Tokens that are no bytes are shown as their numbers."""
    inputs, targets = batch
    found = []
    for slot, (row, target) in enumerate(zip(inputs.tolist(), targets.tolist(), strict=True)):
        assert row[1:] == target[:-1], "targets are the inputs one further"
        named = "" if indices is None or epochs is None else _place(int(indices[slot]), int(epochs[slot]), parts)
        found.append(
            SeenExample(
                place=named,
                num_tokens=len(row),
                text=_text(row, are_bytes=are_bytes),
                last_target=_text(target[-1:], are_bytes=are_bytes),
            )
        )
    return found


def batches_text(batches: Iterable[Sequence[SeenExample]]) -> str:
    """The first examples of every batch, for a terminal."""
    lines = []
    for step, examples in enumerate(batches, 1):
        lines.append(f"step {step}: {len(examples)} examples of {examples[0].num_tokens} tokens")
        for slot, example in enumerate(examples[:MAX_EXAMPLES]):
            cut = f" … {len(example.text) - MAX_CHARACTERS:,} characters more" * (len(example.text) > MAX_CHARACTERS)
            lines.append(f"  slot {slot}  {example.place}".rstrip())
            lines += [f"  | {line}" for line in plain(example.text[:MAX_CHARACTERS]).split("\n")]
            lines[-1] += f"⟨then {plain(example.last_target)!r}⟩{cut}"
        if len(examples) > MAX_EXAMPLES:
            lines.append(f"  and {len(examples) - MAX_EXAMPLES} more examples")
    return "\n".join(lines) + "\n"


def _place(index: int, epoch: int, parts: Sequence[Part]) -> str:
    for part in parts:
        if index < part.num_examples:
            return f"{part.name} example {index:,}, epoch {epoch}"
        index -= part.num_examples
    return f"example {index:,}, epoch {epoch}"


def _text(tokens: Sequence[int], *, are_bytes: bool) -> str:
    if are_bytes:
        return bytes(tokens).decode("utf-8", "backslashreplace")
    return " ".join(map(str, tokens))
