"""[precision]: the number format of the passes. Weights and optimizer state are fp32 in every kind."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    import torch

    from harness.loss_scale import LossScale


@frozen(kw_only=True)
class Fp32:
    """Single precision throughout."""

    def build(self) -> "Callable[[torch.device], AbstractContextManager[Any]]":
        """A context that changes nothing."""
        return lambda _device: nullcontext()

    def build_loss_scale(self) -> None:
        """None is needed."""


@frozen(kw_only=True)
class Bf16:
    """bfloat16 matrix products by torch's autocast."""

    def build(self) -> "Callable[[torch.device], AbstractContextManager[Any]]":
        """An autocast context for the device."""
        import torch

        return lambda device: torch.autocast(device.type, dtype=torch.bfloat16)

    def build_loss_scale(self) -> None:
        """None is needed: bfloat16 reaches as far as fp32."""


@frozen(kw_only=True)
class Fp16:
    """float16 matrix products by torch's autocast, with a loss scaled so that small gradients do not vanish."""

    def build(self) -> "Callable[[torch.device], AbstractContextManager[Any]]":
        """An autocast context for the device."""
        import torch

        return lambda device: torch.autocast(device.type, dtype=torch.float16)

    def build_loss_scale(self) -> "LossScale":
        """The scale at its start."""
        from harness.loss_scale import LossScale

        return LossScale()


KINDS: dict[str, type] = {"fp32": Fp32, "bf16": Bf16, "fp16": Fp16}
Precision = Fp32 | Bf16 | Fp16
