"""[compile]: whether code is made for the model's blocks before they run."""

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    import torch
    from torch import nn


@frozen(kw_only=True)
class NoCompile:
    """Operations one by one, as they are written."""

    def build(self, model: "nn.Module", device: "torch.device") -> None:
        """Changes nothing."""


@frozen(kw_only=True)
class CompileBlocks:
    """torch.compile of each block; a minute at the first step, and faster ones after it."""

    def build(self, model: "nn.Module", device: "torch.device") -> None:
        """Replaces the blocks' forward. Raises Refused where there is no compiler."""
        from harness.blocks import compile_blocks

        compile_blocks(model, device)


KINDS: dict[str, type] = {"none": NoCompile, "blocks": CompileBlocks}
Compile = NoCompile | CompileBlocks
