"""Ways to run the blocks of a model: compiled, or with activations computed again instead of kept.

All that is known of a model is that it has its repeated parts in `model.blocks`, a ModuleList. Only the blocks'
`forward` is replaced: names of parameters, and with them checkpoints, stay as they are. Both ways are for training
alone; where no gradient is asked for (evals, samples) a block runs as it was written, whatever its shapes.
"""

import os
import shutil
import warnings
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from harness.launch import Refused

Forward = Callable[..., Any]


def blocks_of(model: nn.Module, *, asked_by: str) -> Iterable[nn.Module]:
    """`model.blocks`. Raises Refused when the model has none; `asked_by` is the setting that needs them."""
    blocks = getattr(model, "blocks", None)
    if not isinstance(blocks, nn.ModuleList) or not len(blocks):
        raise Refused(
            f"{asked_by} works block by block, and {type(model).__name__} has no list of blocks\n"
            "  help: give the model a ModuleList called `blocks`, or leave the setting out"
        )
    return blocks


def recompute_blocks(model: nn.Module) -> None:
    """Keeps only the inputs of each block for the backward pass, which computes the rest again with the same noise."""
    for block in blocks_of(model, asked_by='activations.kind = "recompute"'):
        _train_with(block, _recomputed(block.forward))


def compile_blocks(model: nn.Module, device: torch.device) -> None:
    """Compiles each block at its first use; equal blocks share the code. Raises Refused where nothing can compile.

    Noise is drawn as without compiling (`fallback_random`): to compile is a matter of speed, not of what is learnt.
    """
    blocks = blocks_of(model, asked_by='compile.kind = "blocks"')
    _check_compiler(device)
    # rotary positions are complex products, which stay as they are
    warnings.filterwarnings("ignore", message="Torchinductor does not support code generation for complex")
    for block in blocks:
        _train_with(block, torch.compile(block.forward, options={"fallback_random": True}))


def _train_with(block: nn.Module, forward: Forward) -> None:
    as_written = block.forward

    def chosen(*inputs: Any) -> Any:
        return (forward if torch.is_grad_enabled() else as_written)(*inputs)

    block.forward = chosen


def _recomputed(forward: Forward) -> Forward:
    return lambda *inputs: checkpoint(forward, *inputs, use_reentrant=False)


def _check_compiler(device: torch.device) -> None:
    """Raises Refused where torch.compile would fail at the first step, with a traceback of many pages."""
    if device.type == "cpu":
        names = [os.environ["CXX"]] if "CXX" in os.environ else ["g++", "clang++"]
        if not any(shutil.which(name) for name in names):
            raise Refused(
                f'compile.kind = "blocks" needs a C++ compiler on a CPU, and there is no {" or ".join(names)}\n'
                '  help: install one (apt-get install g++), or write compile.kind = "none"'
            )
    elif find_spec("triton") is None:
        raise Refused(
            f'compile.kind = "blocks" needs triton on {device.type}, and it is not installed\n'
            '  help: pip install triton, or write compile.kind = "none"'
        )
