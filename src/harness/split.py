"""How a global batch splits over processes and micro-batches: arithmetic that is checked before torch loads."""

from dataclasses import dataclass

from harness.launch import Refused


@dataclass(frozen=True, kw_only=True)
class Split:
    """The share of one process: `num_micro_batches` forward passes of `micro_batch_size` examples a step."""

    batch_size: int
    num_processes: int
    micro_batch_size: int
    num_micro_batches: int

    def slots(self, rank: int) -> range:
        """The global micro-batch slots of a rank; slot s holds examples [s * micro_batch_size, (s + 1) * ...)."""
        return range(rank * self.num_micro_batches, (rank + 1) * self.num_micro_batches)


def split_batch(*, batch_size: int, num_processes: int, micro_batch_size: int | None = None) -> Split:
    """Splits the batch evenly; None takes each process's share in one forward pass.

    Raises Refused naming numbers that would divide.
    """
    assert batch_size > 0, batch_size
    assert num_processes > 0, num_processes
    unit = (micro_batch_size or 1) * num_processes
    if batch_size % unit == 0:
        micro = micro_batch_size or batch_size // num_processes
        micros = batch_size // (micro * num_processes)
        return Split(
            batch_size=batch_size, num_processes=num_processes, micro_batch_size=micro, num_micro_batches=micros
        )
    share = f" with micro-batches of {micro_batch_size}" if micro_batch_size else ""
    raise Refused(
        f"train.batch_size = {batch_size} does not split over {_count(num_processes, 'process')}{share}\n"
        f"  help: {_mend(batch_size, micro_batch_size or 1, unit)}"
    )


def _mend(batch_size: int, micro: int, unit: int) -> str:
    below = batch_size // unit * unit
    sizes = " or ".join(str(size) for size in (below, below + unit) if size > 0)
    fits = [str(n) for n in range(1, batch_size // micro + 1) if batch_size % (micro * n) == 0]
    counts = f"; or this batch_size with --num_processes {', '.join(fits)}" if fits else ""
    return f"batch_size {sizes} would split{counts}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}es"
