"""Settings below torch, seen from outside: the page faults of the process."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
def num_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        bytearray(16 << 20)  # taken from the C library and given back
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
before = num_faults()
from harness.cpu import prepare_cpu
prepare_cpu()
print(before, num_faults())
"""


def output_of(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    return done.stdout


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_freed_memory_is_used_again_without_the_system() -> None:
    before, after = map(int, output_of(FAULTS, **os.environ).split())
    assert after < before / 5, "one round of faults instead of twenty"
