"""A copy of nested tensors: the same bits, the same sharing, the same memory the next time."""

import io
from typing import Any

import pytest
import torch
from torch import nn

from harness.host_copy import HostCopy


def pickled(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64, torch.int64, torch.bool])
def test_a_copy_has_the_bits_and_what_becomes_of_the_original_does_not_reach_it(dtype: torch.dtype) -> None:
    tensor = torch.tensor([0.1, float("nan"), 3.7]).to(dtype)
    bits = pickled([tensor.clone()])
    (copied,) = HostCopy().take([tensor])
    tensor.zero_()
    assert pickled([copied]) == bits


def test_the_state_of_a_trained_optimizer_is_pickled_as_the_original_is() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))
    optimizer = torch.optim.AdamW([{"params": [p], "lr": 0.1} for p in model.parameters()], betas=(0.9, 0.95))
    model(torch.ones(2, 3)).square().sum().backward()
    optimizer.step()
    assert pickled(HostCopy().take(optimizer.state_dict())) == pickled(optimizer.state_dict())


def test_what_shares_memory_shares_it_in_the_copy() -> None:
    table = torch.arange(12.0).view(3, 4)
    copied = HostCopy().take({"whole": table, "again": table, "turned": table.T, "row": table[1], "other": table + 1})
    for name, tensor in {"whole": table, "again": table, "turned": table.T, "row": table[1]}.items():
        assert torch.equal(copied[name], tensor)
        assert copied[name].stride() == tensor.stride()
    copied["whole"].zero_()
    assert copied["turned"].sum() == copied["row"].sum() == copied["again"].sum() == 0
    assert torch.equal(copied["other"], torch.arange(1.0, 13.0).view(3, 4))


def test_the_next_copy_lies_where_the_last_one_lay_as_far_as_sizes_are_the_same() -> None:
    copy = HostCopy()
    first = [tensor.data_ptr() for tensor in copy.take([torch.ones(5), torch.ones(7)])]
    assert [tensor.data_ptr() for tensor in copy.take([torch.zeros(5), torch.zeros(7)])] == first
    taken = copy.take([torch.full((5,), 2.0), torch.full((9,), 3.0), torch.full((4,), 4.0), torch.empty(0)])
    assert taken[0].data_ptr() == first[0]
    assert [tensor.tolist() for tensor in taken] == [[2.0] * 5, [3.0] * 9, [4.0] * 4, []]
    assert copy.take([torch.ones(5), "a word", (1, 0.5)])[1:] == ["a word", (1, 0.5)]
