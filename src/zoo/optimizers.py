"""Optimizers with their parameter groups. Each function gives a list of torch optimizers for one model.

Every group's "lr" is its peak; a schedule multiplies it. Weight decay touches matrices only: never embeddings, and
never parameters of one dimension. Parameters keep the model's order, so that saved states fit.
"""

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from zoo.muon import Muon


def adamw(
    model: nn.Module,
    *,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.95,
    eps: float = 1e-8,
    weight_decay: float = 0.1,
) -> list[Optimizer]:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""
    groups = _groups(list(model.parameters()), model, weight_decay)
    return [torch.optim.AdamW(groups, lr=lr, betas=(beta1, beta2), eps=eps, fused=True)]


def sgd(
    model: nn.Module, *, lr: float, momentum: float = 0.9, nesterov: bool = True, weight_decay: float = 0.0
) -> list[Optimizer]:
    """Stochastic gradient descent with momentum (Sutskever et al. 2013)."""
    groups = _groups(list(model.parameters()), model, weight_decay)
    return [torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)]


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
        Muon(
            matrices,
            lr=lr,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(
            _groups(rest, model, weight_decay), lr=lr * adamw_lr_ratio, betas=(beta1, beta2), eps=eps, fused=True
        ),
    ]


def _groups(parameters: list[nn.Parameter], model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    decayed = [p for p in parameters if p.ndim >= 2 and id(p) not in embeddings]
    others = [p for p in parameters if p.ndim < 2 or id(p) in embeddings]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
