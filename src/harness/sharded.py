"""Weights, gradients and optimizer state spread over ranks: torch's FSDP2 (`fully_shard`), called directly.

accelerate would turn FSDP into DDP on a CPU without a word, so that nothing could be tested here. What follows knows
sharded tensors by what they can do: to import their class costs a second, which unsharded runs should not pay.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from harness.blocks import blocks_of

if TYPE_CHECKING:
    from torch.distributed.fsdp import FSDPModule


def shard_model(model: nn.Module, device: torch.device, *, num_replicas: int, num_shards: int) -> None:
    """Shards each of `model.blocks`, and what is left as one more, in place. All ranks; before optimizers are built.

    With `num_replicas` > 1 (HSDP) neighbouring ranks hold the shards of one copy. Raises Refused without blocks.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    blocks = blocks_of(model, asked_by='parallel.kind = "fsdp"')
    if num_replicas == 1:
        mesh = init_device_mesh(device.type, (num_shards,))
    else:
        mesh = init_device_mesh(device.type, (num_replicas, num_shards), mesh_dim_names=("replicas", "shards"))
    for block in blocks:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)


def is_sharded(model: nn.Module) -> bool:
    """Whether `shard_model` has been here; each forward and backward pass is then a collective."""
    return hasattr(model, "set_requires_gradient_sync")


def local_parts(tensors: Iterable[Tensor]) -> list[Tensor]:
    """What this rank holds of each tensor, sharing its memory: all of an ordinary one."""
    return [tensor.to_local() if hasattr(tensor, "to_local") else tensor for tensor in tensors]


def whole(tensor: Tensor) -> Tensor:
    """A tensor as if it had never been sharded, e.g. the norm over all shards. All ranks."""
    full: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return full


@contextmanager
def without_sync(model: nn.Module) -> Iterator[None]:
    """Backward passes inside add up gradients of whole blocks instead of exchanging them."""
    root = _as_sharded(model)
    root.set_requires_gradient_sync(False)
    try:
        yield
    finally:
        root.set_requires_gradient_sync(True)


@contextmanager
def whole_weights(model: nn.Module) -> Iterator[None]:
    """All weights whole on every rank, so that forward passes inside need no other rank. All ranks.

    This is for evals, of which each rank has another number of passes. It takes the memory of the whole weights, while
    there are no gradients and the optimizer state stays in shards.
    """
    root = _as_sharded(model)
    parts = [_as_sharded(module) for module in model.modules() if is_sharded(module)]
    for part in parts:
        part.unshard()
        part.set_reshard_after_forward(False, recurse=False)
    try:
        yield
    finally:
        for part in parts:
            is_block = part is not root  # the rest's weights are needed again at once
            part.set_reshard_after_forward(is_block, recurse=False)
            part.reshard()


def _as_sharded(module: nn.Module) -> "FSDPModule":
    assert is_sharded(module), type(module)
    return module  # type: ignore[return-value]
