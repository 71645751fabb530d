"""All that a run is, apart from its config, and its tensors as files: one of each sort, or shards of all ranks.

Whether the files that are found are whole is the business of harness.checkpoint, and so is their place.
"""

import errno
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import Tensor, nn

from harness.averaging import WeightAverage
from harness.host_copy import HostCopy
from harness.loss_scale import LossScale
from harness.sharded_files import read_shards, write_shards

MODEL_FILE = "model.safetensors"
OPTIMIZERS_FILE = "optimizers.pt"
AVERAGE_FILE = "average.safetensors"
SHARDS = "shards"  # a directory, instead of the three files
AGAIN_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a checkpoint of a state holds. The tensors are missing where all ranks write them in shards."""

    numbers: dict[str, Any]
    in_shards: bool
    model: Mapping[str, Tensor] = field(default_factory=dict)
    optimizers: Sequence[Mapping[str, Any]] = ()
    averages: Mapping[str, Tensor] = field(default_factory=dict)

    def copied(self, copy: HostCopy) -> "Contents":
        """The same in host memory; what the state becomes later does not reach it."""
        parts = (self.numbers, self.model, self.optimizers, self.averages)
        numbers, model, optimizers, averages = copy.take(parts)
        return replace(self, numbers=numbers, model=model, optimizers=optimizers, averages=averages)


@dataclass(kw_only=True)
class TrainState:
    """All that a run is, apart from its config: order, noise and learning rate are functions of the step."""

    model: nn.Module
    optimizers: Sequence[torch.optim.Optimizer]
    step: int = 0  # updates done
    num_tokens: int = 0  # targets seen
    num_skipped: int = 0  # updates left out because loss or gradient were not finite
    data_state: dict[str, Any] = field(default_factory=dict)  # of data that can only be read in order; plain JSON
    average: WeightAverage | None = None
    loss_scale: LossScale | None = None
    in_shards: bool = False  # whether all ranks write the tensors together, each its shards

    def numbers(self) -> dict[str, Any]:
        """What is not a tensor, as plain JSON."""
        return {
            "step": self.step,
            "num_tokens": self.num_tokens,
            "num_skipped": self.num_skipped,
            "data_state": self.data_state,
            "loss_scale": self.loss_scale.state() if self.loss_scale else None,
        }

    def contents(self) -> Contents:
        """What a checkpoint of it holds, in the state's own memory."""
        if self.in_shards:
            return Contents(numbers=self.numbers(), in_shards=True)
        return Contents(
            numbers=self.numbers(),
            in_shards=False,
            model=self.model.state_dict(),
            optimizers=[optimizer.state_dict() for optimizer in self.optimizers],
            averages=_averages(self),
        )

    def set_numbers(self, numbers: dict[str, Any]) -> None:
        """The inverse of `numbers`; what else is there is not looked at."""
        self.step, self.num_tokens = numbers["step"], numbers["num_tokens"]
        self.num_skipped, self.data_state = numbers["num_skipped"], numbers["data_state"]
        if self.loss_scale:
            self.loss_scale.set_state(numbers["loss_scale"])


class _Named(nn.Module):
    """Tensors by name, as `save_model` wants them: it keeps one name of those that share memory."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._tensors = tensors

    def state_dict(self, **_options: Any) -> dict[str, Any]:  # type: ignore[override]
        return dict(self._tensors)


def write_tensors(directory: Path, contents: Contents, *, shards: Path) -> None:
    """Fills a directory with the tensors of a state; with those in `shards`, if they were written by all ranks.

    Main process only. Raises OSError when the disk is full.
    """
    if contents.in_shards:
        shards.rename(directory / SHARDS)
        return
    try:
        save_model(_Named(contents.model), str(directory / MODEL_FILE))
        torch.save(contents.optimizers, directory / OPTIMIZERS_FILE)
        if contents.averages:
            save_file(dict(contents.averages), directory / AVERAGE_FILE)
    except (SafetensorError, RuntimeError) as error:  # how the two libraries report a full disk
        raise OSError(_number_of(error, directory), f"{directory} cannot be written: {error}") from error


def write_tensors_in_shards(shards: Path, state: TrainState) -> None:
    """Fills a new directory, which all ranks see, for `write_tensors`. All ranks.

    Raises OSError on all ranks when one of them cannot write.
    """
    write_shards(shards, state.model, state.optimizers, _averages(state))


def make_room(shards: Path) -> Path:
    """The directory, made and empty: a kill or a full disk may have left something. Main process only."""
    shutil.rmtree(shards, ignore_errors=True)
    shards.mkdir(parents=True)
    return shards


def read_tensors(directory: Path, state: TrainState) -> None:
    """Fills the state's tensors from such a directory. All ranks, however many wrote it."""
    if state.in_shards:
        read_shards(directory / SHARDS, state.model, state.optimizers, _averages(state))
        return
    load_model(state.model, str(directory / MODEL_FILE))
    saved = torch.load(directory / OPTIMIZERS_FILE, weights_only=True, map_location="cpu")
    assert len(saved) == len(state.optimizers), (len(saved), len(state.optimizers))
    for optimizer, values in zip(state.optimizers, saved, strict=True):
        optimizer.load_state_dict(values)
    if state.average:
        saved_averages = load_file(directory / AVERAGE_FILE)
        for name, average in state.average.averages.items():
            average.copy_(saved_averages[name])


def _averages(state: TrainState) -> dict[str, torch.Tensor]:
    return state.average.averages if state.average else {}


def _number_of(error: Exception, directory: Path) -> int:
    """The system's number of an error that torch and safetensors hide: in their words, or found by writing again."""
    if named := re.search(r"\(os error (\d+)\)", str(error)):
        return int(named[1])
    try:
        (directory / "again").write_bytes(bytes(AGAIN_BYTES))
    except OSError as again:
        return again.errno or errno.EIO
    return errno.EIO
