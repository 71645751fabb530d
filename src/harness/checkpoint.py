"""Checkpoints that are either whole or not there: written beside, synced, listed in a manifest, then renamed.

A directory counts as a checkpoint only when its manifest has the sha256 that it names, and every file in it the size
and the sha256 written there.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import nn

MANIFEST = "manifest.json"
READ_BYTES = 1 << 20


@dataclass(kw_only=True)
class TrainState:
    """All that a run is, apart from its config: order, noise and learning rate are functions of the step."""

    model: nn.Module
    optimizers: Sequence[torch.optim.Optimizer]
    step: int = 0  # updates done
    num_tokens: int = 0  # targets seen


def save_checkpoint(root: Path, state: TrainState, *, keep: int, facts: dict[str, Any]) -> Path:
    """Writes `root/step_NNNNNNNN`, then deletes all but the `keep` newest. Main process only.

    Raises OSError when the disk is full; what was there before is then still whole.
    """
    assert keep >= 1, keep
    final = root / f"step_{state.step:08}"
    for left_behind in root.glob(".writing_*"):  # by a kill or a full disk
        shutil.rmtree(left_behind)
    beside = root / f".writing_{final.name}"
    beside.mkdir(parents=True)
    _write(beside, state, facts)
    if final.exists() and not find_fault(final):  # a resumed run reached this step again, with the same bits
        shutil.rmtree(beside)
        return final
    shutil.rmtree(final, ignore_errors=True)
    beside.rename(final)
    _sync(root)
    older = [directory for directory in _directories(root) if directory.name < final.name]  # a newer one is broken
    for directory in older[keep - 1 :]:
        shutil.rmtree(directory)
    return final


def _write(directory: Path, state: TrainState, facts: dict[str, Any]) -> None:
    """Fills a directory with the files of a checkpoint, the manifest last, and syncs them."""
    try:
        save_model(state.model, str(directory / "model.safetensors"))
        torch.save([optimizer.state_dict() for optimizer in state.optimizers], directory / "optimizers.pt")
    except (SafetensorError, RuntimeError) as error:  # how the two libraries report a full disk
        raise OSError(f"{directory} cannot be written: {error}") from error
    written = sorted(path.name for path in directory.iterdir())
    manifest = {
        "step": state.step,
        "num_tokens": state.num_tokens,
        **facts,
        "files": {name: _identity(directory / name) for name in written},
    }
    (directory / MANIFEST).write_text(json.dumps({**manifest, "sha256": _seal(manifest)}, indent=1))
    for name in [*written, MANIFEST]:
        _sync(directory / name)
    _sync(directory)


def newest_checkpoint(root: Path) -> tuple[Path | None, list[str]]:
    """The newest checkpoint that is whole (None for none), and what is wrong with each newer one."""
    faults: list[str] = []
    for directory in _directories(root):
        fault = find_fault(directory)
        if not fault:
            return directory, faults
        faults.append(f"{directory}: {fault}")
    return None, faults


def load_checkpoint(directory: Path, state: TrainState) -> None:
    """Fills the state from a checkpoint that `newest_checkpoint` or `find_fault` has verified. All ranks."""
    manifest = json.loads((directory / MANIFEST).read_text())
    load_model(state.model, str(directory / "model.safetensors"))
    saved = torch.load(directory / "optimizers.pt", weights_only=True, map_location="cpu")
    assert len(saved) == len(state.optimizers), (len(saved), len(state.optimizers))
    for optimizer, values in zip(state.optimizers, saved, strict=True):
        optimizer.load_state_dict(values)
    state.step, state.num_tokens = manifest["step"], manifest["num_tokens"]


def find_fault(directory: Path) -> str:
    """What keeps a directory from being a whole checkpoint, or ""."""
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
        seal, files = manifest.pop("sha256"), manifest["files"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        return f"{MANIFEST} cannot be read ({error})"
    if seal != _seal(manifest):
        return f"{MANIFEST} is not what was written"
    for name, identity in files.items():
        if not (directory / name).is_file():
            return f"{name} is missing"
        if _identity(directory / name) != identity:
            return f"{name} is not what was written"
    return ""


def _directories(root: Path) -> Iterator[Path]:
    """Newest first."""
    return iter(sorted(root.glob("step_*"), reverse=True))


def _identity(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
    return {"num_bytes": path.stat().st_size, "sha256": digest.hexdigest()}


def _seal(manifest: dict[str, Any]) -> str:
    """What the manifest says of itself, so that a flipped bit in its step is found too."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
