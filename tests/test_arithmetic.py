"""What a run amounts to, against the model and the optimizers that torch makes of it."""

import pytest
import torch

from bindings.arithmetic import arithmetic
from bindings.data import TextFiles
from bindings.model import Convnet, Gpt, Model
from bindings.optimizer import AdamW, Muon, Optimizer, Sgd
from bindings.override import override
from bindings.parallel import Ddp, Fsdp
from bindings.run import Run, Train
from bindings.schedule import Constant

MODELS: list[Model] = [
    Gpt(num_layers=2, width=12, num_heads=3, max_positions=8),
    Gpt(num_layers=1, width=8, num_heads=2, max_positions=8, mlp_ratio=2.7, num_hash_buckets=37, max_ngram=4),
    Gpt(num_layers=1, width=8, num_heads=2, max_positions=8, tied_head=True),
    Convnet(num_layers=3, num_channels=6, kernel_size=4),
]


@pytest.mark.parametrize(
    "optimizer", [AdamW(lr=0.1), Sgd(lr=0.1), Sgd(lr=0.1, momentum=0.0, nesterov=False), Muon(lr=0.1)]
)
@pytest.mark.parametrize("model", MODELS)
def test_parameters_and_state_are_those_that_torch_holds(model: Model, optimizer: Optimizer) -> None:
    built = model.build()
    assert model.num_parameters() == sum(parameter.numel() for parameter in built.parameters())
    built(torch.zeros(1, 5, dtype=torch.int64)).sum().backward()
    held = 0
    for each in optimizer.build(built):
        each.step()
        states = [value for state in each.state.values() for value in state.values() if value is not None]
        held += sum(value.numel() for value in states if value.ndim)  # a step counter has no dimension
    assert optimizer.num_state_numbers(model) == held


RUN = Run(
    seed=1,
    model=MODELS[3],
    data=TextFiles(seq_len=8, paths=("x",)),
    optimizer=AdamW(lr=0.1),
    schedule=Constant(),
    train=Train(num_steps=30, batch_size=4),
)


def test_a_run_is_summed_up() -> None:
    told = {name: value for name, value, _, _ in arithmetic(RUN)}
    num_parameters = 2 * 256 * 6 + 3 * (4 * 6 * 2 * 6 + 6 * 6)
    assert told == {
        "tokens per step": 32,
        "steps": 30,
        "tokens": 960,
        "parameters": num_parameters,
        "optimizer state": 2 * num_parameters,
        "memory": 16 * num_parameters,
    }


@pytest.mark.parametrize(
    ("parallel", "share", "where"),
    [
        (Ddp(), 1, "on every process"),
        (Fsdp(), 1, "over all processes of a copy together"),
        (Fsdp(num_shards=4), 4, "on each of 4 shards"),
    ],
)
def test_memory_is_told_of_one_process_or_of_all_shards(parallel: Ddp | Fsdp, share: int, where: str) -> None:
    told = arithmetic(override(RUN, parallel=parallel))[-1]
    whole = 16 * RUN.model.num_parameters()
    assert whole % share == 0
    assert told.value == whole // share
    assert told.how.endswith(where)
