"""Optimizers of torch without its compiler, whose import with the first optimizer takes longer than that of torch.

Same classes, same arguments, same updates. Not for optimizers that are compiled themselves.
"""

from typing import Any, TypeVar

import torch
from torch.optim import Optimizer

AnyOptimizer = TypeVar("AnyOptimizer", bound=Optimizer)


def eager(kind: type[AnyOptimizer]) -> type[AnyOptimizer]:
    """A subclass that keeps torch._dynamo out: 1 s of a start, a fifth of a debug run (cf. pytorch#162595)."""
    _never_traced()
    step: Any = kind.step
    plain = torch.no_grad()(getattr(step, "__wrapped__", step))  # below the wrapper that breaks graphs
    return type(kind.__name__, (kind,), {"step": plain, "__doc__": kind.__doc__})


def _never_traced() -> None:
    """Answers what torch asks its compiler for each function that it keeps out of graphs: nothing traces it."""
    for function in vars(Optimizer).values():
        inside = getattr(function, "__wrapped__", None)
        if inside is not None:
            inside.__dict__["__dynamo_disable"] = inside
