"""What a run takes of its machine, and what the machine is: processor, memory, GPUs. It only reads counters.

GPU figures come from torch, which needs the package nvidia-ml-py for them; where they are not to be had they are left
out. No GPU was at hand to try them.
"""

import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import psutil


class SystemMetrics:
    """A row of figures at each call of `sample`; percentages are of the time since the call before."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = (time.monotonic(), _cpu_seconds(self._process), 0, 0)
        self._gpus_answer = True
        psutil.cpu_percent(None)  # the first answer is meaningless

    def sample(self, *, step: int = 0, num_steps: int = 0, num_tokens: int = 0) -> dict[str, Any]:
        """`num_steps` and `num_tokens` are what was done in this segment, up to `step`."""
        now = (time.monotonic(), _cpu_seconds(self._process), num_steps, num_tokens)
        seconds, cpu_seconds, steps, tokens = (new - old for new, old in zip(now, self._before, strict=True))
        row: dict[str, Any] = {"step": step, "system/memory_bytes": self._process.memory_info().rss}
        row["system/host_memory_bytes"] = psutil.virtual_memory().used
        row["system/host_cpu_percent"] = psutil.cpu_percent(None)
        if seconds > 0:
            row["system/cpu_percent"] = round(100 * cpu_seconds / seconds, 1)
        if seconds > 0 and steps > 0:
            row["system/steps_per_second"] = round(steps / seconds, 4)
            row["system/tokens_per_second"] = round(tokens / seconds, 2)
        self._before = now
        return row | self._gpus()

    def _gpus(self) -> dict[str, float]:
        """Of the GPUs that this process sees; nothing before torch has started them, or when torch cannot tell."""
        torch = sys.modules.get("torch")
        if torch is None or not self._gpus_answer or not torch.cuda.is_initialized():
            return {}
        try:
            return {
                f"system/gpu{number}_{name}": float(read(number))
                for number in range(torch.cuda.device_count())
                for name, read in (
                    ("memory_bytes", torch.cuda.device_memory_used),
                    ("percent", torch.cuda.utilization),
                    ("celsius", torch.cuda.temperature),
                )
            }
        except (ImportError, RuntimeError, AssertionError):  # no nvidia-ml-py, or a GPU of another maker
            self._gpus_answer = False
            return {}


def _cpu_seconds(process: "psutil.Process") -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def hardware() -> dict[str, Any]:
    """Processor, memory and GPUs of this machine."""
    return {
        "cpu": _cpu_model(),
        "num_cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": _gpu_models(),
    }


def _cpu_model() -> str:
    """As the system names it; on Linux the standard library knows only the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _gpu_models() -> list[dict[str, Any]]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return [{"name": gpu.name, "memory_bytes": gpu.total_memory} for gpu in found]
