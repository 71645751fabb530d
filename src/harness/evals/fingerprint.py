"""Whether two models hold the same weights, at the cost of reading them once. It protects against no forger."""

import hashlib

import torch
from torch import Tensor, nn


@torch.no_grad()
def weights_fingerprint(model: nn.Module) -> str:
    """A hash of the names, the shapes, and the sums of the bits of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} {_sum_of_bits(tensor)}\n".encode())
    return digest.hexdigest()


def _sum_of_bits(tensor: Tensor) -> int:
    numbers = tensor.detach().contiguous().reshape(-1)
    width = {8: torch.int64, 4: torch.int32, 2: torch.int16}.get(numbers.element_size(), torch.uint8)
    return int(numbers.view(width).sum(dtype=torch.int64))
