"""Weights without the run that they come from: found by a path, read whole, laid into a model of perhaps another shape.

This is how a run starts from another one's weights. To go on with a run is something else: see harness.checkpoint.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from harness.checkpoint import MANIFEST, find_fault, newest_checkpoint
from harness.launch import Refused
from harness.sharded_files import AVERAGE, MODEL, read_whole
from harness.train_state import AVERAGE_FILE, MODEL_FILE, SHARDS

MAX_FAULTS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """What was laid into a model, for the screen and the record."""

    path: str  # of the file or the checkpoint that was read
    sha256: str  # of the file; of a checkpoint in shards, of its manifest, which names every file's
    num_tensors: int
    left_out: Sequence[str]  # what did not fit and was allowed not to: "head.weight: not in the file"

    def notes(self) -> list[str]:
        """For the screen."""
        said = f"starts from {self.num_tensors} tensors of {self.path} (sha256 {self.sha256[:12]})"
        return [said, *(f"  left as drawn: {fault}" for fault in self.left_out)]


def find_weights(path: Path) -> Path:
    """The .safetensors file, or the checkpoint, that a path to one of these or to a run directory means.

    Of a run it is the newest whole checkpoint. Raises Refused.
    """
    if path.is_file():
        return path
    if (path / MANIFEST).is_file():
        if fault := find_fault(path):
            raise Refused(f"{path}: {fault}\n  help: take another checkpoint of that run")
        return path
    checkpoint, _ = newest_checkpoint(path / "checkpoints")
    if checkpoint is None:
        raise Refused(
            f"{path}: no weights are there\n"
            "  help: name a run directory with a checkpoint, a checkpoint in one, or a .safetensors file"
        )
    return checkpoint


def read_weights(path: Path, *, averaged: bool = False) -> dict[str, Tensor]:
    """The weights at a path that `find_weights` gave, or their moving averages, by name. Raises Refused."""
    if (path / SHARDS).is_dir():
        weights = read_whole(path / SHARDS, AVERAGE if averaged else MODEL)
    else:
        file = path if path.is_file() else path / (AVERAGE_FILE if averaged else MODEL_FILE)
        try:
            weights = load_file(file) if file.exists() else {}
        except SafetensorError as error:
            raise Refused(f"{file}: not a .safetensors file ({error})") from error
    if not weights:
        raise Refused(f"{path}: holds no {'averages of the weights' if averaged else 'weights'}")
    return weights


def export_weights(source: Path, file: Path, *, averaged: bool) -> int:
    """Writes the weights at a path, or their averages, into a new .safetensors file; gives the number of tensors.

    Raises Refused.
    """
    if file.exists():
        raise Refused(f"{file} exists already, and nothing is written over")
    weights = read_weights(find_weights(source), averaged=averaged)
    try:
        save_file(weights, file)
    except (OSError, SafetensorError) as error:
        raise Refused(f"{file}: cannot be written ({error})") from error
    return len(weights)


def warm_start(model: nn.Module, path: Path, *, allow: Sequence[str]) -> WarmStart:
    """Lays the weights at `path` into the model, on this process.

    What is missing, too much or of another shape must match one of the patterns in `allow` ("head.*"), and is left as
    it is. Raises Refused with all that does not fit.
    """
    found = find_weights(path)
    weights = read_weights(found)
    faults = _faults(model, weights)
    unexpected = [fault for name, fault in faults.items() if not any(fnmatchcase(name, pattern) for pattern in allow)]
    if unexpected:
        shown = [f"  {fault}" for fault in unexpected[:MAX_FAULTS_SHOWN]]
        more = [f"  and {len(unexpected) - MAX_FAULTS_SHOWN} more"] if len(unexpected) > MAX_FAULTS_SHOWN else []
        help_line = '  help: what may be left as it is goes into init.allow, such as allow = ["head.*"]'
        raise Refused("\n".join([f"{found} does not fit the model:", *shown, *more, help_line]))
    own = model.state_dict()
    taken = {name: weight for name, weight in weights.items() if name not in faults}
    with torch.no_grad():
        for name, weight in taken.items():
            own[name].copy_(weight)
    file = found if found.is_file() else found / (MANIFEST if (found / SHARDS).is_dir() else MODEL_FILE)
    return WarmStart(
        path=str(found),
        sha256=_sha256(file),
        num_tensors=len(taken),
        left_out=[faults[name] for name in sorted(faults)],
    )


def _faults(model: nn.Module, weights: dict[str, Tensor]) -> dict[str, str]:
    """What does not fit, by the tensor's name. Of tensors that share memory, as a tied head does, one is enough."""
    own = model.state_dict()
    given = {own[name].data_ptr() for name in weights if name in own}
    faults = {
        name: f"{name}: not in the file"
        for name, tensor in own.items()
        if name not in weights and tensor.data_ptr() not in given
    }
    for name, weight in weights.items():
        if name not in own:
            faults[name] = f"{name}: not in the model"
        elif weight.shape != own[name].shape:
            faults[name] = f"{name}: {_shape(weight)} in the file, {_shape(own[name])} in the model"
    return faults


def _shape(tensor: Tensor) -> str:
    return json.dumps(list(tensor.shape))


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
