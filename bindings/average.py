"""[average]: a second set of weights that follows the trained ones slowly."""

from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import ge, gt, lt

from bindings.fields import place, science

if TYPE_CHECKING:
    from torch import nn

    from harness.averaging import WeightAverage


@frozen(kw_only=True)
class NoAverage:
    """The weights as they are trained, alone."""

    def build(self, model: "nn.Module") -> None:
        """Nothing is kept."""


@frozen(kw_only=True)
class Ema:
    """An exponential moving average (Polyak and Juditsky 1992), kept in checkpoints beside the weights."""

    decay: float = field(default=0.999, validator=[gt(0), lt(1)], metadata=science("share of the average that stays"))
    warmup_steps: int = field(
        default=0, validator=ge(0), metadata=science("steps over which the average is a copy of the weights")
    )
    used_by_evals: bool = field(default=True, metadata=place("whether evals and samples see the averaged weights"))

    def build(self, model: "nn.Module") -> "WeightAverage":
        """Starts from the model's weights as they are, on its device and in its shards."""
        from harness.averaging import WeightAverage

        return WeightAverage(model, decay=self.decay, warmup_steps=self.warmup_steps, used_by_evals=self.used_by_evals)


KINDS: dict[str, type] = {"none": NoAverage, "ema": Ema}
Average = NoAverage | Ema
