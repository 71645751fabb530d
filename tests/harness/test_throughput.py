"""Peaks by the names that torch gives, and the high-water of memory."""

import subprocess
import sys

import pytest
import torch

from harness.throughput import memory_high_water, peak_flops, peak_of


@pytest.mark.parametrize(
    ("name", "tera"),
    [
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A10", 125),
        ("NVIDIA A10G", 70),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H200", 989),
        ("NVIDIA B200", 2250),
        ("NVIDIA L4", 121),
        ("NVIDIA L40S", 362),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("AMD Instinct MI300X", 1307),
        ("NVIDIA GeForce GTX 1080", None),
        ("Tesla T4", None),
    ],
)
def test_a_device_is_known_by_its_name_or_has_no_peak(name: str, tera: float | None) -> None:
    assert peak_of(name) == (None if tera is None else tera * 1e12)


def test_a_cpu_has_no_peak_and_a_high_water() -> None:
    assert peak_flops(torch.device("cpu")) is None
    before = memory_high_water(torch.device("cpu"))
    held = torch.ones(2**26)  # 256 MiB
    assert memory_high_water(torch.device("cpu")) >= before
    assert memory_high_water(torch.device("cpu")) >= held.nbytes


def test_what_the_parent_held_is_not_counted() -> None:
    held = torch.ones(2**28)  # 1 GiB
    code = "import torch; from harness.throughput import memory_high_water as most; print(most(torch.device('cpu')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 50e6 < int(done.stdout) < held.nbytes
