"""[optimizer]: how the weights follow the gradient. Every `lr` is a peak that the schedule scales."""

from typing import TYPE_CHECKING

from attrs import Attribute, field, frozen
from attrs.validators import ge, gt, lt

from bindings.fields import Misfit, science, speed
from bindings.model import Model

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer

FUSED = "whether one kernel does a whole update, on devices that have it"


@frozen(kw_only=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019); none on norms and embeddings."""

    lr: float = field(validator=gt(0), metadata=science("peak learning rate"))
    beta1: float = field(default=0.9, validator=[ge(0), lt(1)], metadata=science("decay of the gradient's mean"))
    beta2: float = field(default=0.95, validator=[ge(0), lt(1)], metadata=science("decay of its square's mean"))
    eps: float = field(default=1e-8, validator=gt(0), metadata=science("added to the root of the second moment"))
    weight_decay: float = field(default=0.1, validator=ge(0), metadata=science("per step, times the learning rate"))
    fused: bool = field(default=True, metadata=speed(FUSED))

    def num_state_numbers(self, model: Model) -> int:
        """What the optimizer keeps between steps: two means of each parameter."""
        return 2 * model.num_parameters()

    def build(self, model: "nn.Module") -> "list[TorchOptimizer]":
        """One optimizer over all parameters."""
        from zoo.optimizers import adamw

        return adamw(
            model,
            lr=self.lr,
            beta1=self.beta1,
            beta2=self.beta2,
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=self.fused,
        )


@frozen(kw_only=True)
class Sgd:
    """Stochastic gradient descent with momentum."""

    lr: float = field(validator=gt(0), metadata=science("peak learning rate"))
    momentum: float = field(default=0.9, validator=[ge(0), lt(1)], metadata=science("decay of the running gradient"))
    nesterov: bool = field(default=True, metadata=science("whether the step looks ahead"))
    weight_decay: float = field(default=0.0, validator=ge(0), metadata=science("per step, times the learning rate"))
    fused: bool = field(default=True, metadata=speed(FUSED))

    @nesterov.validator
    def _has_momentum(self, _attribute: "Attribute[bool]", value: bool) -> None:
        if value and not self.momentum:
            raise Misfit("must be false where momentum is 0")

    def num_state_numbers(self, model: Model) -> int:
        """What the optimizer keeps between steps: a running gradient, if there is momentum."""
        return model.num_parameters() if self.momentum else 0

    def build(self, model: "nn.Module") -> "list[TorchOptimizer]":
        """One optimizer over all parameters."""
        from zoo.optimizers import sgd

        return sgd(
            model,
            lr=self.lr,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            fused=self.fused,
        )


@frozen(kw_only=True)
class Muon:
    """Orthogonalised momentum for hidden matrices (Jordan et al. 2024), AdamW for the rest."""

    lr: float = field(validator=gt(0), metadata=science("peak learning rate, on AdamW's scale (equal update RMS)"))
    momentum: float = field(default=0.95, validator=[ge(0), lt(1)], metadata=science("decay of the running gradient"))
    nesterov: bool = field(default=True, metadata=science("whether the step looks ahead"))
    weight_decay: float = field(default=0.1, validator=ge(0), metadata=science("per step, times the learning rate"))
    adamw_lr_ratio: float = field(default=1.0, validator=gt(0), metadata=science("learning rate of the rest over lr"))
    beta1: float = field(default=0.9, validator=[ge(0), lt(1)], metadata=science("of AdamW on the rest"))
    beta2: float = field(default=0.95, validator=[ge(0), lt(1)], metadata=science("of AdamW on the rest"))
    eps: float = field(default=1e-8, validator=gt(0), metadata=science("of AdamW on the rest"))
    fused: bool = field(default=True, metadata=speed(FUSED))

    def num_state_numbers(self, model: Model) -> int:
        """What the optimizer keeps between steps: one running gradient of hidden matrices, two means of the rest."""
        return 2 * model.num_parameters() - model.num_hidden_parameters()

    def build(self, model: "nn.Module") -> "list[TorchOptimizer]":
        """Two optimizers that share the schedule."""
        from zoo.optimizers import muon

        return muon(
            model,
            lr=self.lr,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            adamw_lr_ratio=self.adamw_lr_ratio,
            beta1=self.beta1,
            beta2=self.beta2,
            eps=self.eps,
            fused=self.fused,
        )


KINDS: dict[str, type] = {"adamw": AdamW, "sgd": Sgd, "muon": Muon}
Optimizer = AdamW | Sgd | Muon
