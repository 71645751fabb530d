"""Whether two models hold the same weights, at the cost of reading them once. It protects against no forger."""

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


@torch.no_grad()
def weights_fingerprint(model: nn.Module) -> str:
    """A hash of the names, the shapes, and the sums of the bits of all parameters and saved buffers.

    A sharded model must be whole (harness.sharded.whole_weights): then no other rank is needed.
    """
    digest = hashlib.sha256()
    for name, tensor in _tensors_of(model):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} {_sum_of_bits(tensor)}\n".encode())
    return digest.hexdigest()


def _tensors_of(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """What `state_dict` has, in its order; that itself would put a whole model back into shards, on this rank alone."""
    for path, module in model.named_modules(remove_duplicate=False):
        unsaved = module._non_persistent_buffers_set  # noqa: SLF001 - torch tells it nowhere else
        parameters = module.named_parameters(recurse=False, remove_duplicate=False)
        for name, tensor in (*parameters, *module.named_buffers(recurse=False, remove_duplicate=False)):
            if name not in unsaved:
                yield f"{path}.{name}".removeprefix("."), tensor


def _sum_of_bits(tensor: Tensor) -> int:
    numbers = tensor.detach().contiguous().reshape(-1)
    width = {8: torch.int64, 4: torch.int32, 2: torch.int16}.get(numbers.element_size(), torch.uint8)
    return int(numbers.view(width).sum(dtype=torch.int64))
