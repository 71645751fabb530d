"""What most tests of the trainer start from."""

from collections.abc import Callable

import pytest
import torch

from harness.job import Job
from harness.ranks import Ranks
from tests.harness.small_job import build_job


@pytest.fixture
def make_job() -> Callable[..., Job]:
    """`build_job`."""
    return build_job


@pytest.fixture
def alone() -> Ranks:
    """This process as the only rank."""
    return Ranks(rank=0, num_processes=1, device=torch.device("cpu"), num_threads=1)
