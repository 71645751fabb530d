"""The moving average against its closed form, and a model that borrows it and gives it back."""

import contextlib

import pytest
import torch
from torch import nn

from harness.averaging import WeightAverage


def test_the_average_is_the_sum_of_the_weights_with_powers_of_the_decay() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = WeightAverage(model, decay=0.9, warmup_steps=0, used_by_evals=True)
    values = [model.weight.item(), 3.0, -1.0, 5.0, 2.5]
    for step, value in enumerate(values[1:]):
        nn.init.constant_(model.weight, value)
        average.update(step)
    expected = 0.9**4 * values[0] + sum(0.1 * 0.9 ** (4 - t) * values[t] for t in range(1, 5))
    assert average.averages["weight"].item() == pytest.approx(expected, rel=1e-6)


def test_during_the_warmup_it_is_a_copy() -> None:
    model = nn.Linear(2, 2)
    average = WeightAverage(model, decay=0.5, warmup_steps=3, used_by_evals=True)
    for step in range(3):
        nn.init.normal_(model.weight)
        average.update(step)
        assert torch.equal(average.averages["weight"], model.weight)
    before = model.weight.detach().clone()
    nn.init.normal_(model.weight)
    average.update(3)
    torch.testing.assert_close(average.averages["weight"], (before + model.weight.detach()) / 2)


def test_a_borrowed_average_is_given_back_to_the_bit_also_after_an_error() -> None:
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False))
    average = WeightAverage(model, decay=0.7, warmup_steps=0, used_by_evals=True)
    nn.init.normal_(model.get_parameter("1.weight"))
    average.update(0)
    own = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    averages = {name: tensor.clone() for name, tensor in average.averages.items()}
    addresses = [weight.data_ptr() for weight in model.parameters()]
    with contextlib.suppress(ArithmeticError), average.lent():
        assert all(torch.equal(weight, averages[name]) for name, weight in model.named_parameters())
        raise ArithmeticError
    assert all(torch.equal(weight, own[name]) for name, weight in model.named_parameters())
    assert all(torch.equal(tensor, averages[name]) for name, tensor in average.averages.items())
    assert addresses == [weight.data_ptr() for weight in model.parameters()]


def test_a_tied_weight_is_averaged_once() -> None:
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False))
    model[1].weight = model[0].weight
    assert list(WeightAverage(model, decay=0.5, warmup_steps=0, used_by_evals=True).averages) == ["0.weight"]
