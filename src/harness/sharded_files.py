"""Tensors that many ranks write at once, each its shards, and that any other number of ranks reads back.

torch's distributed checkpoint (DCP) under names of our own, which need no wrapper's idea of a state dict: "model/NAME",
"average/NAME" and "optimizers/NUMBER/NAME/KEY", with the NAME of the parameter. Whether the files are whole is decided
by the manifest beside them, not here.
"""

import errno
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

if TYPE_CHECKING:
    from torch.distributed.checkpoint.filesystem import FileSystemReader

MODEL, AVERAGE, OPTIMIZERS = "model/", "average/", "optimizers/"


def is_sharded_files(directory: Path) -> bool:
    """Whether a directory was written by `write_shards` to its end."""
    return (directory / ".metadata").is_file()


def write_shards(
    directory: Path, model: nn.Module, optimizers: Sequence[Optimizer], averages: Mapping[str, Tensor]
) -> None:
    """Every rank writes what it holds into one directory that all ranks see; returns when all have. All ranks.

    Raises OSError on all ranks when a disk is full, and leaves nothing of the directory.
    """
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.filesystem import FileSystemWriter
    from torch.distributed.checkpoint.state_dict_saver import save

    tensors = _weights(model, averages)
    for number, optimizer in enumerate(optimizers):
        for name, parameter in model.named_parameters():
            for key, tensor in optimizer.state.get(parameter, {}).items():
                tensors[f"{OPTIMIZERS}{number}/{name}/{key}"] = tensor
    try:
        with _knowing_that_it_is_alone():
            save(tensors, storage_writer=FileSystemWriter(directory), no_dist=_is_alone())
    except CheckpointException as error:  # every rank learns what one of them could not do, when all are through
        shutil.rmtree(directory, ignore_errors=True)
        failures = [failure for failure, _ in error.failures.values()]
        system_number = next((failure.errno for failure in failures if isinstance(failure, OSError)), None)
        raise OSError(system_number or errno.EIO, f"{directory} cannot be written: {failures[0]}") from error


def read_shards(
    directory: Path, model: nn.Module, optimizers: Sequence[Optimizer], averages: Mapping[str, Tensor]
) -> None:
    """Fills model, averages and optimizers from such a directory, however many ranks wrote it. All ranks."""
    from torch.distributed.checkpoint.filesystem import FileSystemReader
    from torch.distributed.checkpoint.state_dict_loader import load

    reader = FileSystemReader(directory)
    parameters = dict(model.named_parameters())
    tensors = _weights(model, averages)
    for name, entry in _entries(reader).items():
        if name.startswith(OPTIMIZERS):
            number, parameter_name, key = _parts(name)
            parameter = parameters[parameter_name]
            tensors[name] = (
                torch.zeros_like(parameter.detach())
                if entry.size == parameter.shape
                else torch.zeros(entry.size, dtype=entry.properties.dtype, device=parameter.device)
            )
            optimizers[number].state[parameter][key] = tensors[name]
    with torch.no_grad(), _knowing_that_it_is_alone():
        load(tensors, storage_reader=reader, no_dist=_is_alone())


def read_whole(directory: Path, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, whole, by what follows it; without a model, on any one process."""
    from torch.distributed.checkpoint.filesystem import FileSystemReader
    from torch.distributed.checkpoint.state_dict_loader import load

    reader = FileSystemReader(directory)
    tensors = {
        name: torch.empty(entry.size, dtype=entry.properties.dtype)
        for name, entry in _entries(reader).items()
        if name.startswith(prefix)
    }
    with _knowing_that_it_is_alone():
        load(tensors, storage_reader=reader, no_dist=True)
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _entries(reader: "FileSystemReader") -> dict[str, Any]:
    """Size and number format of every tensor that is there; nothing but tensors was written."""
    return dict(reader.read_metadata().state_dict_metadata)


def _weights(model: nn.Module, averages: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Parameters and saved buffers, a shared one under its first name, and the averages."""
    named: dict[int, tuple[str, Tensor]] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        named.setdefault(id(tensor), (name, tensor.detach()))
    weights = {MODEL + name: tensor for name, tensor in named.values()}
    return weights | {AVERAGE + name: tensor for name, tensor in averages.items()}


def _parts(name: str) -> tuple[int, str, str]:
    """Of "optimizers/0/blocks.1.weight/exp_avg"; names of parameters hold dots and no slash."""
    number, parameter, key = name.removeprefix(OPTIMIZERS).split("/")
    return int(number), parameter, key


@contextmanager
def _knowing_that_it_is_alone() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled, unavailable or uninitialized")
        yield


def _is_alone() -> bool:
    return not (torch.distributed.is_available() and torch.distributed.is_initialized())
