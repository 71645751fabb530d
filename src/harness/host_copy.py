"""An exact copy of tensors in host memory, laid into the same memory each time that one is taken.

Exact means more than the numbers: what shares memory, as a tied weight does, shares it in the copy too, so that a
writer of files finds there what it would have found in the original. It copies no tensor that is spread over ranks.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, UntypedStorage


class HostCopy:
    """Memory for one copy. It grows to the size of what is copied, and stays until this object goes."""

    def __init__(self) -> None:
        self._memory: list[UntypedStorage] = []
        self._used: dict[tuple[str, int], UntypedStorage] = {}  # during one copy, by where the original lies

    def take(self, value: Any) -> Any:
        """A deep copy of tensors in dicts, lists and tuples at any depth, and of what else is in these.

        The copy before is lost. Returns when all is there, so that the originals may change at once.
        """
        self._used = {}
        copied = deepcopy(value, {id(tensor): self._copy_of(tensor) for tensor in _tensors_in(value)})
        del self._memory[len(self._used) :]
        if any(device != "cpu" for device, _ in self._used):
            torch.accelerator.synchronize()
        self._used = {}
        return copied

    def _copy_of(self, tensor: Tensor) -> Tensor:
        memory = self._memory_of(tensor.untyped_storage())
        empty = torch.empty(0, dtype=tensor.dtype)
        return empty.set_(memory, tensor.storage_offset(), tensor.size(), tensor.stride())

    def _memory_of(self, original: UntypedStorage) -> UntypedStorage:
        """The copy of a piece of memory, made when this is the first tensor in it. The n-th has the n-th place."""
        where = (original.device.type, original.data_ptr())
        if where not in self._used:
            place = len(self._used)
            if place == len(self._memory):
                self._memory.append(_room_for(original))
            elif self._memory[place].nbytes() != original.nbytes():
                self._memory[place] = _room_for(original)
            self._used[where] = self._memory[place].copy_(original, non_blocking=True)
        return self._used[where]


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _tensors_in(inner)


def _room_for(original: UntypedStorage) -> UntypedStorage:
    """Pinned for what lies on a GPU, which copies several times as fast into such memory."""
    is_pinned = original.device.type == "cuda"
    return torch.empty(original.nbytes(), dtype=torch.uint8, pin_memory=is_pinned).untyped_storage()
