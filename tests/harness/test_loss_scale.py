"""The loss scale against torch's own scaler, and a run in which a gradient overflows."""

from collections.abc import Callable

import torch

from harness.fetch import Fetched
from harness.job import Job
from harness.loss_scale import LossScale
from harness.ranks import Ranks
from harness.step import forward_backward

MakeJob = Callable[..., Job]


def test_the_scale_moves_as_that_of_torchs_scaler() -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.0)
    scaler = torch.amp.GradScaler("cpu")
    ours = LossScale()
    for step in range(2400):
        overflows = step in {0, 1, 2, 300}
        scaler.scale(weight.sum()).backward()
        assert weight.grad is not None
        weight.grad.fill_(float("inf") if overflows else 1.0)
        scaler.step(optimizer)
        scaler.update()
        if overflows:
            assert ours.back_off()
        else:
            ours.grow()
        assert ours.scale == scaler.get_scale(), step
        assert ours.steps_since_change == scaler._get_growth_tracker(), step


def test_a_scale_of_one_does_not_back_off_further() -> None:
    scale = LossScale()
    assert [scale.back_off() for _ in range(18)] == [True] * 16 + [False] * 2
    assert scale.scale == 1.0


def test_scaled_and_unscaled_again_a_gradient_is_the_same_to_the_bit(make_job: MakeJob, alone: Ranks) -> None:
    """A power of two only moves the exponent."""
    gradients = []
    for loss_scale in (None, LossScale()):
        job = make_job(loss_scale=loss_scale)
        rows = torch.arange(12).view(4, 3)
        fetched = Fetched(micro_batches={0: (rows[:, :-1] % 11, rows[:, 1:] % 11)}, num_targets=8)
        forward_backward(job, job.model, alone, 0, fetched)
        gradients.append([parameter.grad for parameter in job.model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True) if a is not None and b is not None)


def test_state_goes_on_where_it_was_taken() -> None:
    before, after = LossScale(), LossScale()
    before.back_off()
    before.grow()
    after.set_state(before.state())
    assert after == before
    assert (after.scale, after.steps_since_change) == (32768.0, 1)
