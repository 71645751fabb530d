"""A dry run that leaves no trace, and one that meets a real allocation that fails."""

import resource
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from harness.dry_run import dry_run
from harness.job import Batch, Job
from harness.launch import Refused
from harness.ranks import Ranks
from harness.split import split_batch

MakeJob = Callable[..., Job]


@pytest.fixture
def little_memory() -> Iterator[None]:
    """No more than 2 GiB of address space beyond what the process has now."""
    with open("/proc/self/statm") as file:  # noqa: PTH123 - a file of the kernel
        held = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (held + 2 * 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def run_dry(job: Job, ranks: Ranks) -> None:
    dry_run(job, split_batch(batch_size=job.batch_size, num_processes=1, micro_batch_size=job.micro_batch_size), ranks)


def test_a_dry_run_leaves_no_trace(make_job: MakeJob, alone: Ranks) -> None:
    model = nn.Sequential(nn.Embedding(11, 6), nn.Dropout(0.5), nn.BatchNorm1d(7), nn.Linear(6, 11))
    model.eval()
    job = make_job(model=model, num_state_numbers=1000)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run_dry(job, alone)
    assert torch.equal(torch.rand(3), expected), "the random numbers go on"
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.training
    assert not job.optimizers[0].state


@pytest.mark.parametrize(("micro_batch_size", "lower"), [(None, "6 or 4 or 3 or 2"), (4, "3 or 2 or 1"), (1, "")])
@pytest.mark.usefixtures("little_memory")
def test_too_little_memory_is_one_refusal_that_says_what_to_lower(
    make_job: MakeJob, alone: Ranks, micro_batch_size: int | None, lower: str
) -> None:
    def greedy(model: nn.Module, batch: Batch) -> torch.Tensor:
        loss: torch.Tensor = model(batch[0]).sum() * torch.ones(3 * 2**30 // 4).sum()  # 3 GiB
        return loss

    job = make_job(loss_sum=greedy, batch_size=12, micro_batch_size=micro_batch_size, num_examples=20)
    with pytest.raises(Refused, match="the memory does not suffice") as refused:
        run_dry(job, alone)
    said, mend = str(refused.value).splitlines()
    assert "you tried to allocate 3221225472 bytes" in said
    assert ("train.micro_batch_size" in mend) == bool(lower)
    assert lower in mend
    assert all(parameter.grad is None for parameter in job.model.parameters())


@pytest.mark.usefixtures("little_memory")
def test_what_the_optimizers_will_hold_is_set_aside(make_job: MakeJob, alone: Ranks) -> None:
    run_dry(make_job(), alone)
    with pytest.raises(Refused, match="tried to allocate 4294967296 bytes"):
        run_dry(make_job(num_state_numbers=2**30), alone)


def test_another_error_stays_what_it_is(make_job: MakeJob, alone: Ranks) -> None:
    def broken(_model: nn.Module, _batch: Batch) -> torch.Tensor:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        run_dry(make_job(loss_sum=broken), alone)
