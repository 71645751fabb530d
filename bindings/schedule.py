"""[schedule]: the factor on every learning rate as a pure function of the step, so that nothing of it is ever saved.

`total_steps` is the horizon of the curve, `train.num_steps` where training stops; most configs tie one to the other.
"""

from collections.abc import Callable

from attrs import Attribute, field, frozen
from attrs.validators import ge, le

from bindings.fields import Misfit, science

WARMUP = "steps over which the rate rises linearly from near 0 to the peak"
TOTAL = "steps until the curve has ended"
FINAL = "factor at the end of the curve"


@frozen(kw_only=True)
class Constant:
    """The peak rate throughout, after the warmup."""

    warmup_steps: int = field(default=0, validator=ge(0), metadata=science(WARMUP))

    def build(self) -> Callable[[int], float]:
        """The factor at each step."""
        from zoo.schedules import constant

        return constant(warmup_steps=self.warmup_steps)


@frozen(kw_only=True)
class Cosine:
    """Half a cosine from the peak down (Loshchilov and Hutter 2017)."""

    total_steps: int = field(validator=ge(1), metadata=science(TOTAL))
    warmup_steps: int = field(default=0, validator=ge(0), metadata=science(WARMUP))
    final_fraction: float = field(default=0.1, validator=[ge(0), le(1)], metadata=science(FINAL))

    @warmup_steps.validator
    def _fits(self, _attribute: "Attribute[int]", value: int) -> None:
        _check_warmup(self.total_steps, value)

    def build(self) -> Callable[[int], float]:
        """The factor at each step."""
        from zoo.schedules import cosine

        return cosine(total_steps=self.total_steps, warmup_steps=self.warmup_steps, final_fraction=self.final_fraction)


@frozen(kw_only=True)
class Linear:
    """A straight line from the peak down."""

    total_steps: int = field(validator=ge(1), metadata=science(TOTAL))
    warmup_steps: int = field(default=0, validator=ge(0), metadata=science(WARMUP))
    final_fraction: float = field(default=0.0, validator=[ge(0), le(1)], metadata=science(FINAL))

    @warmup_steps.validator
    def _fits(self, _attribute: "Attribute[int]", value: int) -> None:
        _check_warmup(self.total_steps, value)

    def build(self) -> Callable[[int], float]:
        """The factor at each step."""
        from zoo.schedules import linear

        return linear(total_steps=self.total_steps, warmup_steps=self.warmup_steps, final_fraction=self.final_fraction)


@frozen(kw_only=True)
class Wsd:
    """Warmup, stable, decay (Hu et al. 2024): the peak rate until the last `decay_steps`, then a straight line down."""

    total_steps: int = field(validator=ge(1), metadata=science(TOTAL))
    decay_steps: int = field(validator=ge(1), metadata=science("steps of the decay at the end"))
    warmup_steps: int = field(default=0, validator=ge(0), metadata=science(WARMUP))
    final_fraction: float = field(default=0.0, validator=[ge(0), le(1)], metadata=science(FINAL))

    @decay_steps.validator
    def _fits(self, _attribute: "Attribute[int]", value: int) -> None:
        if value > self.total_steps - self.warmup_steps:
            raise Misfit(
                f"must be at most total_steps - warmup_steps = {self.total_steps - self.warmup_steps}, got {value}"
            )

    def build(self) -> Callable[[int], float]:
        """The factor at each step."""
        from zoo.schedules import wsd

        return wsd(
            total_steps=self.total_steps,
            decay_steps=self.decay_steps,
            warmup_steps=self.warmup_steps,
            final_fraction=self.final_fraction,
        )


KINDS: dict[str, type] = {"constant": Constant, "cosine": Cosine, "linear": Linear, "wsd": Wsd}
Schedule = Constant | Cosine | Linear | Wsd


def _check_warmup(total_steps: int, warmup_steps: int) -> None:
    if warmup_steps >= total_steps:
        raise Misfit(f"must be less than total_steps = {total_steps}, got {warmup_steps}")
