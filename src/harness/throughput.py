"""How well the device is used: peaks that makers publish, and the most memory that a process has held.

A device that is not in the table has no share of its peak: no number is better than a guessed one.
"""

import re
import resource
import sys
from pathlib import Path

import torch

# Dense (not sparse) bf16 peaks in FLOP/s from the makers' data sheets, by a part of the name that torch gives.
# Longer names come first: "H100 PCIe" is not "H100".
PEAK_FLOPS = {
    "GB200": 2500e12,
    "B200": 2250e12,
    "H200": 989e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H800": 989e12,
    "A100": 312e12,
    "A800": 312e12,
    "A40": 149.7e12,
    "A30": 165e12,
    "A10G": 70e12,
    "A10": 125e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "RTX 6000 Ada": 364e12,
    "RTX 4090": 165.2e12,  # with fp32 accumulation, as training does
    "RTX 3090": 71e12,  # with fp32 accumulation
    "MI355X": 2500e12,
    "MI325X": 1307e12,
    "MI300X": 1307e12,
    "MI250X": 383e12,
}


def peak_flops(device: torch.device) -> float | None:
    """The published peak of this process's device; None where it is not known, as for every CPU."""
    return peak_of(torch.cuda.get_device_name(device)) if device.type == "cuda" else None


def peak_of(name: str) -> float | None:
    """The peak of a device by its name."""
    words = name.split()
    for known, peak in PEAK_FLOPS.items():
        wanted = known.split()
        if any(_same(words[at : at + len(wanted)], wanted) for at in range(len(words))):
            return peak
    return None


def _same(words: list[str], wanted: list[str]) -> bool:
    """Whether the words are these, up to what follows a dash: "A100-SXM4-80GB" is an A100."""
    return [word.split("-")[0] for word in words] == wanted


def memory_high_water(device: torch.device) -> int:
    """The most bytes held so far: by torch's allocator on a GPU, resident in the process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")  # Linux, where getrusage(2) also counts what the parent held
    if status.exists() and (found := re.search(r"VmHWM:\s*(\d+) kB", status.read_text())):
        return int(found[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
