"""Optimizers with their parameter groups. Each function gives a list of torch optimizers for one model.

Every group's "lr" is its peak; a schedule multiplies it. Weight decay touches matrices only: never embeddings, and
never parameters of one dimension (norms, biases). Parameters keep the model's order, so that saved states fit.

`fused` takes one kernel for a whole update where the device has it; the update is the same up to rounding.
"""

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from zoo.eager import eager
from zoo.muon import Muon

WITH_FUSED = {"cpu", "cuda", "mps", "xpu"}  # device types whose kernels torch 2.13 has


def adamw(
    model: nn.Module,
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.95,
    eps: float = 1e-8,
    weight_decay: float = 0.1,
    fused: bool = True,
) -> list[Optimizer]:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""
    groups = _groups(list(model.parameters()), model, weight_decay)
    one_kernel = fused and _has_fused(model)
    return [eager(torch.optim.AdamW)(groups, lr=lr, betas=(beta1, beta2), eps=eps, fused=one_kernel)]


def sgd(
    model: nn.Module,
    *,
    lr: float,
    momentum: float = 0.9,
    nesterov: bool = True,
    weight_decay: float = 0.0,
    fused: bool = True,
) -> list[Optimizer]:
    """Stochastic gradient descent with momentum (Sutskever et al. 2013)."""
    groups = _groups(list(model.parameters()), model, weight_decay)
    sharded = any(hasattr(parameter, "placements") for parameter in model.parameters())
    one_kernel = fused and _has_fused(model) and not sharded  # torch 2.13 has no fused SGD of DTensors
    return [eager(torch.optim.SGD)(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=one_kernel)]


def muon(
    model: nn.Module,
    *,
    lr: float,
    momentum: float = 0.95,
    nesterov: bool = True,
    weight_decay: float = 0.1,
    adamw_lr_ratio: float = 1.0,
    beta1: float = 0.9,
    beta2: float = 0.95,
    eps: float = 1e-8,
    fused: bool = True,
) -> list[Optimizer]:
    """Muon (Jordan et al. 2024) for hidden matrices; AdamW at `lr * adamw_lr_ratio` for everything else.

    Updates are scaled to the root mean square of AdamW's (Liu et al. 2025, "Muon is Scalable for LLM Training"), so
    that both share learning rate and weight decay. Hidden are the weights of linear layers other than `head`.
    """
    hidden = {
        id(module.weight)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name.rsplit(".")[-1] != "head"
    }
    matrices = [parameter for parameter in model.parameters() if id(parameter) in hidden]
    rest = [parameter for parameter in model.parameters() if id(parameter) not in hidden]
    return [
        eager(Muon)(
            matrices,
            lr=lr,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
        eager(torch.optim.AdamW)(
            _groups(rest, model, weight_decay),
            lr=lr * adamw_lr_ratio,
            betas=(beta1, beta2),
            eps=eps,
            fused=fused and _has_fused(model),
        ),
    ]


def _groups(parameters: list[nn.Parameter], model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    tables = (nn.Embedding, nn.EmbeddingBag)
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, tables)}
    decayed = [p for p in parameters if p.ndim >= 2 and id(p) not in embeddings]
    others = [p for p in parameters if p.ndim < 2 or id(p) in embeddings]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def _has_fused(model: nn.Module) -> bool:
    return all(
        parameter.device.type in WITH_FUSED and parameter.is_floating_point() for parameter in model.parameters()
    )
