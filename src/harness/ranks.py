"""Processes and devices: the only module that imports accelerate.

Of accelerate we use the launcher, the process group and the device. Order, accumulation,
schedule, checkpoints and metrics are ours, because accelerate's do not resume or divide exactly.
"""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from harness.launch import Refused, check_world

COLLECTIVE_TIMEOUT_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """This process among the others. Every method but `is_main` is a collective: all ranks must call it."""

    rank: int
    num_processes: int
    device: torch.device
    num_threads: int

    @property
    def is_main(self) -> bool:
        """Whether this process writes the record and speaks to the user."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """DistributedDataParallel around the model when there are several processes, else the model itself.

        torch's class itself: accelerate's wrap cannot turn off the exchange of buffers before every forward pass.
        """
        if self.num_processes == 1:
            return model
        devices = None if self.device.type == "cpu" else [self.device]
        return DistributedDataParallel(
            model, device_ids=devices, forward_sync_buffers=False, gradient_as_bucket_view=True
        )

    def without_sync(self, wrapped: nn.Module) -> AbstractContextManager[None]:
        """Backward passes inside do not exchange gradients: for all micro-batches of a step but the last."""
        return wrapped.no_sync() if isinstance(wrapped, DistributedDataParallel) else nullcontext()

    def sum(self, tensor: Tensor) -> Tensor:
        """The elementwise sum over all ranks."""
        if self.num_processes > 1:
            torch.distributed.all_reduce(tensor)
        return tensor

    def sum_counts(self, *counts: int) -> list[int]:
        """Each count summed over all ranks."""
        if self.num_processes == 1:
            return list(counts)
        return [int(count) for count in self.sum(torch.tensor(counts, device=self.device)).tolist()]

    def gather_to_main(self, value: Any) -> list[Any]:
        """Every rank's (picklable) value on the main process, in order of rank; an empty list elsewhere."""
        if self.num_processes == 1:
            return [value]
        values = [None] * self.num_processes if self.is_main else None
        torch.distributed.gather_object(value, values)
        return values or []

    def from_main(self, value: Any) -> Any:
        """The main process's (picklable) value on every rank."""
        values = [value]
        if self.num_processes > 1:
            torch.distributed.broadcast_object_list(values)
        return values[0]

    def wait(self) -> None:
        """Returns when every rank has come here."""
        if self.num_processes > 1:
            torch.distributed.barrier()


def start_ranks(*, device: str, num_threads: int | None) -> Ranks:
    """Joins the processes that the launcher started.

    `device` is "auto" (an accelerator where there is one, else the CPU), "cpu" or "cuda". `num_threads` is per process;
    None shares the cores that this process may use evenly among the processes of this machine.
    Raises Refused when what runs is not what was launched.
    """
    on_cpu = device == "cpu" or (device == "auto" and not torch.accelerator.is_available())
    if device == "cuda" and not torch.cuda.is_available():
        raise Refused('train.device = "cuda", and torch finds no CUDA device\n  help: write device = "auto"')
    _set_threads(num_threads)
    accelerator = Accelerator(
        cpu=on_cpu,
        mixed_precision="no",  # precision is the config's, not the launcher's
        kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(seconds=COLLECTIVE_TIMEOUT_SECONDS))],
    )
    _set_threads(num_threads)  # accelerate overrules the first call when OMP_NUM_THREADS is not set
    check_world(running=accelerator.num_processes)
    return Ranks(
        rank=accelerator.process_index,
        num_processes=accelerator.num_processes,
        device=accelerator.device,
        num_threads=torch.get_num_threads(),
    )


def _set_threads(num_threads: int | None) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(num_threads or max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
