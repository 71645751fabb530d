"""[activations]: what a forward pass keeps for the backward pass."""

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from torch import nn


@frozen(kw_only=True)
class Keep:
    """Every activation that a gradient needs."""

    def build(self, model: "nn.Module") -> None:
        """Changes nothing."""


@frozen(kw_only=True)
class Recompute:
    """The inputs of each block alone; the rest is computed again: less memory, about a third more work."""

    def build(self, model: "nn.Module") -> None:
        """Replaces the blocks' forward."""
        from harness.blocks import recompute_blocks

        recompute_blocks(model)


KINDS: dict[str, type] = {"keep": Keep, "recompute": Recompute}
Activations = Keep | Recompute
