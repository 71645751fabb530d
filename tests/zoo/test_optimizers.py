"""Optimizers: which parameter is treated how, and updates against torch's own."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from zoo.convnet import Convnet
from zoo.eager import eager
from zoo.gpt import Gpt
from zoo.muon import Muon
from zoo.optimizers import adamw, muon, sgd

torch.set_num_threads(1)


class Everything(nn.Module):
    """One parameter of every sort."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.hidden = nn.Linear(4, 6)
        self.norm = nn.LayerNorm(6)
        self.convolution = nn.Conv1d(6, 3, kernel_size=2)
        self.head = nn.Linear(3, 5, bias=False)


def decays(model: nn.Module, optimizers: list[torch.optim.Optimizer]) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    found = [(names[id(p)], group["weight_decay"]) for group in groups for p in group["params"]]
    assert sorted(name for name, _ in found) == sorted(names.values()), "each parameter once"
    return dict(found)


@pytest.mark.parametrize("build", [adamw, sgd, muon])
def test_weight_decay_spares_embeddings_and_vectors(build: object) -> None:
    model = Everything()
    assert callable(build)
    assert decays(model, build(model, lr=0.1, weight_decay=0.3)) == {
        "embedding.weight": 0.0,
        "hidden.weight": 0.3,
        "hidden.bias": 0.0,
        "norm.weight": 0.0,
        "norm.bias": 0.0,
        "convolution.weight": 0.3,
        "convolution.bias": 0.0,
        "head.weight": 0.3,
    }


def test_muon_takes_the_hidden_matrices_and_adamw_the_rest() -> None:
    model = Everything()
    first, second = muon(model, lr=0.1, adamw_lr_ratio=0.5)
    assert isinstance(first, torch.optim.Muon)
    assert [id(p) for group in first.param_groups for p in group["params"]] == [id(model.hidden.weight)]
    assert [group["lr"] for group in first.param_groups] == [0.1]
    assert {group["lr"] for group in second.param_groups} == {0.05}


@pytest.mark.parametrize(
    "model",
    [
        Gpt(num_layers=2, width=8, num_heads=2, max_positions=8, num_hash_buckets=10, tied_head=True),
        Convnet(num_layers=2, num_channels=8),
    ],
)
def test_muon_leaves_embeddings_tables_and_heads_of_the_zoo_to_adamw(model: nn.Module) -> None:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    _, rest = muon(model, lr=0.1)
    left = {names[id(p)] for group in rest.param_groups for p in group["params"]}
    assert left <= {"embedding.weight", "head.weight", "ngrams.table.weight"}


@pytest.mark.parametrize("shape", [(8, 8), (24, 8), (8, 24)])
@pytest.mark.parametrize("nesterov", [True, False])
def test_muon_in_float32_steps_as_torchs_muon_does_in_bfloat16(shape: tuple[int, int], nesterov: bool) -> None:
    torch.manual_seed(0)
    ours = nn.Parameter(torch.randn(shape))
    torchs = nn.Parameter(ours.detach().clone())
    for kind, parameter in ((Muon, ours), (torch.optim.Muon, torchs)):
        torch.manual_seed(1)
        optimizer = kind([parameter], lr=0.1, weight_decay=0.1, nesterov=nesterov, adjust_lr_fn="match_rms_adamw")
        for _ in range(3):
            parameter.grad = torch.randn(shape)
            optimizer.step()
    assert (ours - torchs).norm() < 0.02 * ours.norm()  # bfloat16 has 8 bits


def test_muons_state_is_torchs_state() -> None:
    parameter = nn.Parameter(torch.randn(4, 4))
    ours = Muon([parameter], lr=0.1, adjust_lr_fn="match_rms_adamw")
    parameter.grad = torch.randn(4, 4)
    ours.step()
    torchs = torch.optim.Muon([parameter], lr=0.2)
    torchs.load_state_dict(ours.state_dict())
    assert torch.equal(torchs.state[parameter]["momentum_buffer"], ours.state[parameter]["momentum_buffer"])


def updated(optimizer: torch.optim.Optimizer, weight: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(0)
    for _ in range(3):
        weight.grad = torch.randn(weight.shape)
        optimizer.step()
    return weight.detach()


def test_adamw_and_sgd_step_as_torchs_plain_loops_do() -> None:
    start = torch.randn(2, 3)
    models = [nn.Linear(3, 2, bias=False) for _ in range(2)]
    weights = [nn.Parameter(start.clone()) for _ in range(2)]
    for model in models:
        model.weight = nn.Parameter(start.clone())
    references: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(weights[:1], lr=0.1, betas=(0.9, 0.95), weight_decay=0.1, foreach=False),
        torch.optim.SGD(weights[1:], lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1, foreach=False),
    ]
    ours = adamw(models[0], lr=0.1) + sgd(models[1], lr=0.1, weight_decay=0.1)
    for optimizer, model, reference, weight in zip(ours, models, references, weights, strict=True):
        torch.testing.assert_close(updated(optimizer, model.weight), updated(reference, weight), rtol=1e-5, atol=1e-6)


COMPILER = """
import sys, torch
from torch import nn
from zoo.optimizers import adamw, muon, sgd
for build in (adamw, sgd, muon):
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    for optimizer in build(model, lr=0.1):
        model(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""


def test_optimizers_do_not_import_the_compiler() -> None:
    done = subprocess.run([sys.executable, "-c", COMPILER], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "False\n"


def test_an_eager_optimizer_updates_as_the_original() -> None:
    weights = []
    for kind in (torch.optim.AdamW, eager(torch.optim.AdamW)):
        torch.manual_seed(0)
        model = nn.Linear(5, 5)
        optimizer = kind(model.parameters(), lr=0.1)
        for _ in range(3):
            model(torch.ones(2, 5)).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        weights.append(model.weight.detach())
    assert torch.equal(weights[0], weights[1])
