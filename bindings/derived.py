"""Fields that follow from others while no config sets them: path -> (paths that are read, function of their values).

A derivation holds where the kinds in force have the field and all that it reads. If it gives None, the default stays.
What it gave is shown as derived by every tool and written into the run's record. Python sets these fields itself.
"""

from collections.abc import Callable
from typing import Any


def _same(value: Any) -> Any:
    return value


DERIVED: dict[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "model.max_positions": (("data.seq_len",), _same),  # the context that training shows the model
    "model.vocab_size": (("data.vocab_size",), _same),  # bytes have no such field, and the model's default is theirs
    "schedule.total_steps": (("train.num_steps",), _same),  # the curve ends where training does
}
