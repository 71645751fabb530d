"""Processes and devices: the only module that imports accelerate, beside mirrors.py for its trackers.

Of accelerate we use the launcher, the process group and the device. Order, accumulation,
schedule, checkpoints and metrics are ours, because accelerate's do not resume or divide exactly.
"""

import math
import os
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor, nn
from torch.distributed import distributed_c10d
from torch.nn.parallel import DistributedDataParallel

from harness.launch import Refused, check_world
from harness.sharded import is_sharded, without_sync

LOST = re.compile(r"gloo|NCCL|pair closure|onnection (closed|reset)", flags=re.IGNORECASE)  # in a RuntimeError's text


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long the ranks wait for each other: until the first line of numbers, and after it."""

    start_seconds: float
    steady_seconds: float


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """This process among the others. Collectives, which all ranks must call, are the methods from `sum` to `wait`."""

    rank: int
    num_processes: int
    device: torch.device
    num_threads: int
    start_seconds: float = math.inf  # how long the others may be late until the first line of numbers
    steady_seconds: float = math.inf  # and after it

    @property
    def is_main(self) -> bool:
        """Whether this process writes the record and speaks to the user."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """DistributedDataParallel around a model that several processes have whole, else the model itself.

        torch's class itself: accelerate's wrap cannot turn off the exchange of buffers before every forward pass.
        """
        if self.num_processes == 1 or is_sharded(model):
            return model
        devices = None if self.device.type == "cpu" else [self.device]
        return DistributedDataParallel(
            model, device_ids=devices, forward_sync_buffers=False, gradient_as_bucket_view=True
        )

    def without_sync(self, wrapped: nn.Module) -> AbstractContextManager[None]:
        """Backward passes inside do not exchange gradients: for all micro-batches of a step but the last."""
        if is_sharded(wrapped):
            return without_sync(wrapped)
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
        own = torch.tensor(counts, device=self.device)
        return [int(count) for count in torch.stack(self._of_all(own)).sum(0).tolist()]

    def gather_numbers(self, *numbers: float) -> list[tuple[float, ...]]:
        """Each number's values on all ranks, in order of rank, on every rank. As many numbers on each."""
        if self.num_processes == 1:
            return [(number,) for number in numbers]
        own = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        return list(zip(*(values.tolist() for values in self._of_all(own)), strict=True))

    def _of_all(self, own: Tensor) -> list[Tensor]:
        """A few numbers of every rank, on every rank, in order of rank.

        Two processes on CPU send them to each other: gloo's collectives take a tick of the scheduler (4 ms) in a third
        of cases, its sends do not.
        """
        of_ranks = [own if rank == self.rank else torch.empty_like(own) for rank in range(self.num_processes)]
        if self.num_processes == 2 and self.device.type == "cpu":
            group = distributed_c10d._get_default_group()  # noqa: SLF001 - torch has no public way
            patience = group._get_backend(self.device).options._timeout  # noqa: SLF001 - as above
            other = 1 - self.rank
            sending = torch.distributed.isend(own, other)
            receiving = torch.distributed.irecv(of_ranks[other], other)
            assert sending is not None and receiving is not None, "both ranks are of this group"  # noqa: PT018
            receiving.wait(patience)
            sending.wait(patience)
        else:
            torch.distributed.all_gather(of_ranks, own)
        return of_ranks

    def gather_to_main(self, value: Any) -> list[Any]:
        """Every rank's (picklable) value on the main process, in order of rank; an empty list elsewhere."""
        if self.num_processes == 1:
            return [value]
        values = [None] * self.num_processes if self.is_main else None
        torch.distributed.gather_object(value, values)
        return values or []

    def gather(self, value: Any) -> list[Any]:
        """Every rank's (picklable) value on every rank, in order of rank."""
        values = [value] * self.num_processes
        if self.num_processes > 1:
            torch.distributed.all_gather_object(values, value)
        return values

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

    def expect_slow_steps(self) -> None:
        """As at the start a collective that the others do not join fails after `start_seconds`: in new groups too."""
        self._set_time_outs(self.start_seconds)

    def expect_steady_steps(self) -> None:
        """From now on a collective that the others do not join fails after `steady_seconds`."""
        self._set_time_outs(self.steady_seconds)

    def _set_time_outs(self, seconds: float) -> None:
        """Of all groups of processes, since a mesh makes some of its own, which would wait for 10 or 30 minutes."""
        if self.num_processes > 1:
            for group in distributed_c10d._world.pg_map:  # noqa: SLF001 - torch has no public way
                distributed_c10d._set_pg_timeout(timedelta(seconds=seconds), group)  # noqa: SLF001 - as above

    def first_to_fail(self) -> bool:
        """Whether no other rank has asked this before. Asks the launcher's store: no other rank has to be alive."""
        if self.num_processes == 1:
            return True
        try:
            return int(distributed_c10d._get_default_store().add("harness/failed", 1)) == 1  # noqa: SLF001 - as above
        except RuntimeError:  # the launcher is gone: better said twice than not at all
            return True

    def is_loss_of_a_rank(self, error: BaseException) -> bool:
        """Whether an error only says that a collective broke because another rank is gone, or did not come."""
        if self.num_processes == 1 or not isinstance(error, RuntimeError):
            return False
        return isinstance(error, torch.distributed.DistError) or LOST.search(str(error)) is not None


def start_ranks(*, device: str, num_threads: int | None, timeouts: Timeouts, deterministic: bool) -> Ranks:
    """Joins the processes that the launcher started.

    `device` is "auto" (an accelerator where there is one, else the CPU), "cpu" or "cuda". `num_threads` is per process;
    None shares the cores that this process may use evenly among the processes of this machine.
    Raises Refused when what runs is not what was launched. `deterministic` is for every tensor of the process.
    """
    on_cpu = device == "cpu" or (device == "auto" and not torch.accelerator.is_available())
    if device == "cuda" and not torch.cuda.is_available():
        raise Refused('train.device = "cuda", and torch finds no CUDA device\n  help: write device = "auto"')
    if deterministic:
        _be_deterministic()
    _set_threads(num_threads)
    accelerator = Accelerator(
        cpu=on_cpu,
        mixed_precision="no",  # precision is the config's, not the launcher's
        kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(seconds=timeouts.start_seconds))],
    )
    _set_threads(num_threads)  # accelerate overrules the first call when OMP_NUM_THREADS is not set
    check_world(running=accelerator.num_processes)
    return Ranks(
        rank=accelerator.process_index,
        num_processes=accelerator.num_processes,
        device=accelerator.device,
        num_threads=torch.get_num_threads(),
        start_seconds=timeouts.start_seconds,
        steady_seconds=timeouts.steady_seconds,
    )


def _be_deterministic() -> None:
    """Only kernels that give the same bits each time; torch raises where it has none. Before CUDA starts."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS chooses among its workspaces otherwise
    torch.use_deterministic_algorithms(mode=True)
    torch.backends.cudnn.benchmark = False  # which would choose kernels by their time


def _set_threads(num_threads: int | None) -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(num_threads or max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
