"""Schedules against their closed forms."""

import math
from collections.abc import Callable

import pytest

from zoo.schedules import Schedule, constant, cosine, linear, wsd


def test_constant_is_one_after_a_linear_warmup() -> None:
    assert [constant(warmup_steps=4)(step) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert constant()(0) == 1.0


def test_cosine_is_half_a_cosine() -> None:
    schedule = cosine(total_steps=110, warmup_steps=10, final_fraction=0.2)
    for step in range(10, 110):
        assert schedule(step) == pytest.approx(0.6 + 0.4 * math.cos(math.pi * (step - 10) / 100))
    assert schedule(60) == pytest.approx(0.6)
    assert schedule(110) == schedule(1000) == pytest.approx(0.2)


def test_linear_is_a_line() -> None:
    schedule = linear(total_steps=12, warmup_steps=2)
    assert [schedule(step) for step in range(13)] == pytest.approx(
        [0.5, 1, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0]
    )


def test_wsd_is_flat_and_then_a_line() -> None:
    schedule = wsd(total_steps=10, warmup_steps=2, decay_steps=4, final_fraction=0.2)
    assert [schedule(step) for step in range(11)] == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])


@pytest.mark.parametrize(
    ("build", "arguments"),
    [
        (constant, {}),
        (cosine, {"total_steps": 20}),
        (linear, {"total_steps": 20}),
        (wsd, {"total_steps": 20, "decay_steps": 5}),
    ],
)
def test_every_update_of_a_run_moves_and_none_exceeds_the_peak(
    build: Callable[..., Schedule], arguments: dict[str, int]
) -> None:
    schedule = build(**arguments, warmup_steps=3)
    factors = [schedule(step) for step in range(20)]
    assert min(factors) > 0
    assert max(factors) == 1


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        (constant, {"warmup_steps": -1}, "warmup_steps must not be negative, not -1"),
        (cosine, {"total_steps": 5, "warmup_steps": 5}, "total_steps 5 leave nothing after warmup_steps 5"),
        (linear, {"total_steps": 0}, "total_steps 0"),
        (linear, {"total_steps": 5, "warmup_steps": -2}, "warmup_steps"),
        (cosine, {"total_steps": 5, "final_fraction": 1.5}, "final_fraction .* 1.5"),
        (wsd, {"total_steps": 5, "warmup_steps": 2, "decay_steps": 4}, "decay_steps 4 .* between 1 and 3"),
        (wsd, {"total_steps": 5, "decay_steps": 0}, "decay_steps 0"),
    ],
)
def test_impossible_numbers_are_refused(
    build: Callable[..., Schedule], arguments: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build(**arguments)
