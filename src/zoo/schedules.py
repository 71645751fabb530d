"""Learning-rate schedules: functions from the step to a multiplier of the peak, in [0, 1].

Step 0 is the first update. Warmup is linear and ends at 1: step s of `warmup_steps` gets (s + 1) / warmup_steps.
Nothing here has state or knows an optimizer.
"""

import math
from collections.abc import Callable

Schedule = Callable[[int], float]


def constant(*, warmup_steps: int = 0) -> Schedule:
    """Always the peak."""
    return _warmed_up(warmup_steps, lambda _step: 1.0)


def cosine(*, total_steps: int, warmup_steps: int = 0, final_fraction: float = 0.1) -> Schedule:
    """Half a cosine from the peak after warmup to `final_fraction` at `total_steps` (Loshchilov & Hutter 2017)."""
    _check(total_steps, warmup_steps, final_fraction)

    def decay(step: int) -> float:
        progress = _progress(step, warmup_steps, total_steps)
        return final_fraction + (1 - final_fraction) * (1 + math.cos(math.pi * progress)) / 2

    return _warmed_up(warmup_steps, decay)


def linear(*, total_steps: int, warmup_steps: int = 0, final_fraction: float = 0.0) -> Schedule:
    """A straight line from the peak after warmup to `final_fraction` at `total_steps`."""
    _check(total_steps, warmup_steps, final_fraction)
    return _warmed_up(warmup_steps, lambda step: 1 - (1 - final_fraction) * _progress(step, warmup_steps, total_steps))


def wsd(*, total_steps: int, decay_steps: int, warmup_steps: int = 0, final_fraction: float = 0.0) -> Schedule:
    """Warmup, stable, decay (Hu et al. 2024, "MiniCPM"): the peak, and a straight line over the last `decay_steps`."""
    _check(total_steps, warmup_steps, final_fraction)
    if not 0 < decay_steps <= total_steps - warmup_steps:
        raise ValueError(
            f"decay_steps {decay_steps} must lie between 1 and {total_steps - warmup_steps} (after warmup)"
        )
    start = total_steps - decay_steps
    return _warmed_up(warmup_steps, lambda step: 1 - (1 - final_fraction) * _progress(step, start, total_steps))


def _warmed_up(warmup_steps: int, after: Schedule) -> Schedule:
    if warmup_steps < 0:
        raise ValueError(f"warmup_steps must not be negative, not {warmup_steps}")
    return lambda step: (step + 1) / warmup_steps if step < warmup_steps else after(step)


def _progress(step: int, start: int, end: int) -> float:
    return min(max((step - start) / (end - start), 0.0), 1.0)


def _check(total_steps: int, warmup_steps: int, final_fraction: float) -> None:
    if total_steps <= warmup_steps:
        raise ValueError(f"total_steps {total_steps} leave nothing after warmup_steps {warmup_steps}")
    if not 0 <= final_fraction <= 1:
        raise ValueError(f"final_fraction must lie in [0, 1], not {final_fraction}")
