"""Curves keep what matters: averages as pandas has them, spikes through thinning, pictures that are pictures."""

import math
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from harness.analysis.curve_picture import check_picture_name, curve_picture
from harness.analysis.curve_text import curve_text
from harness.analysis.curves import Curve, drawable, smoothed, thinned
from harness.launch import Refused


def curve(values: list[float], *, run: str = "a", first_step: int = 1) -> Curve:
    return Curve(run=run, experiment=run, steps=[first_step + at for at in range(len(values))], values=values)


def numbers(of: Curve) -> list[float]:
    return list(vars(of)["values"])


def test_smoothing_is_the_bias_corrected_average_of_pandas() -> None:
    values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0]
    expected = pd.Series(values).ewm(alpha=0.1, adjust=True).mean()
    assert numbers(smoothed(curve(values), 0.9)) == pytest.approx(expected.tolist())


def test_a_nan_is_a_gap_that_later_values_do_not_carry() -> None:
    given = numbers(smoothed(curve([1.0, math.nan, 1.0]), 0.5))
    assert given[0] == given[2] == 1.0
    assert math.isnan(given[1])


def test_what_an_axis_has_no_place_for_is_left_out() -> None:
    kept = drawable(curve([1.0, -1.0, math.inf, 2.0], first_step=0), log_steps=True, log_values=True)
    assert (kept.steps, numbers(kept)) == ([3], [2.0])


def test_thinning_keeps_every_spike() -> None:
    values = [1.0] * 10_000
    values[4321], values[77] = 50.0, -50.0
    kept = thinned(curve(values), 100)
    assert len(kept.steps) <= 200
    assert {50.0, -50.0} <= set(kept.values)
    assert kept.steps == sorted(kept.steps)


def test_curves_in_letters_stand_where_their_numbers_are() -> None:
    falling = curve([4.0, 3.0, 2.0, 1.0], run="falling")
    flat = curve([2.5] * 4, run="flat")
    lines = curve_text("loss", [falling, flat], width=60, log_steps=False, log_values=False).splitlines()
    assert lines[0] == "loss"
    assert lines[1].startswith("   4 ┤a")  # the highest value is on the first line, at its first step
    assert lines[18].startswith("   1 ┤")
    assert lines[18].endswith("a")
    assert lines[-2:] == ["  a  falling  4 rows    last 1", "  b  flat     4 rows  last 2.5"]
    assert max(map(len, lines)) <= 70


def test_a_curve_of_one_point_or_none_is_no_trouble() -> None:
    assert "a" in curve_text("loss", [curve([1.0])], width=40, log_steps=False, log_values=False)
    nothing = curve_text("loss", [curve([math.nan])], width=40, log_steps=True, log_values=True)
    assert nothing == "loss: nothing to draw"


def test_a_picture_names_every_experiment_and_is_the_same_again(tmp_path: Path) -> None:
    panels = {"train/loss": [curve([3.0, 2.0, 1.0], run=f"run_{at}") for at in range(10)]}
    for name in ("one.svg", "two.svg"):
        curve_picture(tmp_path / name, panels, smoothing=0.5, log_steps=False, log_values=True)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    text = (tmp_path / "one.svg").read_text()
    ET.fromstring(text)  # noqa: S314 - our own file
    assert all(f"run_{at}" in text for at in range(10))
    curve_picture(tmp_path / "one.png", panels, smoothing=0, log_steps=True, log_values=False)
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_no_known_kind_is_refused() -> None:
    with pytest.raises(Refused, match=r"loss\.gif: a picture's name ends in \.png"):
        check_picture_name(Path("loss.gif"))
