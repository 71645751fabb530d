"""[init]: the weights that training starts from. To go on with a run needs no setting: train.py RUN_DIR."""

from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import min_len

from bindings.fields import science

if TYPE_CHECKING:
    from torch import nn

    from harness.weights import WarmStart


@frozen(kw_only=True)
class Fresh:
    """Weights drawn by the model itself, from the run's seed."""

    def build(self, model: "nn.Module") -> None:
        """The weights are drawn already."""


@frozen(kw_only=True)
class Weights:
    """Weights of an earlier run; optimizer state, step and schedule start anew."""

    path: str = field(
        validator=min_len(1), metadata=science("a run directory, a checkpoint in one, or a .safetensors file")
    )
    allow: tuple[str, ...] = field(
        default=(), metadata=science('patterns of weights that may be missing, too many or of another shape: "head.*"')
    )

    def build(self, model: "nn.Module") -> "WarmStart":
        """Lays the weights into the model. Raises Refused with all that does not fit."""
        from pathlib import Path

        from harness.weights import warm_start

        return warm_start(model, Path(self.path), allow=self.allow)


KINDS: dict[str, type] = {"fresh": Fresh, "weights": Weights}
Init = Fresh | Weights
