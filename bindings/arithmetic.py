"""What a run amounts to, from its config alone: bytes, steps, parameters, memory. Exact, and without building anything.

How many epochs that makes is not known here: it depends on the corpus, which is read when training starts. Nor is the
memory of activations, which depends on how torch runs the model.
"""

from typing import NamedTuple

from bindings.parallel import Fsdp
from bindings.run import Run

BYTES_OF_FP32 = 4


class Quantity(NamedTuple):
    """One number of a run, and how it comes about."""

    name: str
    value: int
    unit: str
    how: str


def arithmetic(run: Run) -> list[Quantity]:
    """A byte is a token here."""
    batch_size, seq_len, num_steps = run.train.batch_size, run.data.seq_len, run.train.num_steps
    num_parameters = run.model.num_parameters()
    num_state_numbers = run.optimizer.num_state_numbers(run.model)
    held = (2 * num_parameters + num_state_numbers) * BYTES_OF_FP32
    where = "on every process"
    if isinstance(run.parallel, Fsdp):
        num_shards = run.parallel.num_shards
        where = f"on each of {num_shards} shards" if num_shards else "over all processes of a copy together"
        held = -(-held // (num_shards or 1))
    return [
        Quantity("tokens per step", batch_size * seq_len, "", f"batch_size {batch_size} x seq_len {seq_len}"),
        Quantity("steps", num_steps, "", "train.num_steps"),
        Quantity("tokens", num_steps * batch_size * seq_len, "", "steps x tokens per step"),
        Quantity("parameters", num_parameters, "", "all of them trained"),
        Quantity("optimizer state", num_state_numbers, "", "numbers, beside the step counters"),
        Quantity("memory", held, "bytes", f"weights, gradients and optimizer state in fp32, {where}"),
    ]
