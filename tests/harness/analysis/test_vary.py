"""What varies is found, with effects measured alone apart from hints, and what cannot be told apart named."""

from typing import Any

import pytest
from scipy.stats import spearmanr

from harness.analysis.vary import Alone, Row, varying
from harness.analysis.vary_text import vary_text


def row(run: str, metric: float, parent: str | None = None, **config: Any) -> Row:
    named = {key.replace("__", "."): value for key, value in config.items()}
    return Row(run=run, experiment=f"exp_{run}", parent=parent, config=named, metric=metric)


def test_a_change_made_alone_is_its_difference_to_the_parent() -> None:
    rows = [
        row("a", 2.0, lr=0.1, width=64),
        row("b", 1.5, "a", lr=0.2, width=64),
        row("c", 1.0, "b", lr=0.4, width=128),  # two things at once: no evidence for either
    ]
    by_key = {one.keys: one for one in varying(rows)}
    assert by_key["lr",].alone == [Alone(experiment="exp_b", was="0.1", now="0.2", delta=-0.5)]
    assert by_key["width",].alone == []
    assert list(by_key) == [("lr",), ("width",)]


def test_keys_that_always_move_together_are_one() -> None:
    rows = [row(str(at), at, steps=at, warmup=2 * at, seed=at % 2, fixed=1) for at in range(6)]
    assert [one.keys for one in varying(rows)] == [("steps", "warmup"), ("seed",)]


def test_a_changed_kind_stands_for_its_table() -> None:
    rows = [
        row("a", 2.0, optimizer__kind="adamw", optimizer__beta=0.9, optimizer__lr=0.1),
        row("b", 1.5, "a", optimizer__kind="muon", optimizer__momentum=0.95, optimizer__lr=0.1),
    ]
    (found,) = varying(rows)
    assert found.keys[0] == "optimizer.kind"
    assert [one.delta for one in found.alone] == [-0.5]


def test_the_correlation_is_spearmans_over_the_runs_that_have_a_number() -> None:
    rates = [0.1, 0.2, 0.3, 0.5, 0.9]
    losses = [3.0, 2.5, 2.7, 1.0, 2.0]
    rows = [row(str(at), loss, lr=rate) for at, (rate, loss) in enumerate(zip(rates, losses, strict=True))]
    (found,) = varying([*rows, row("x", 9.0)])
    assert found.correlation == pytest.approx(spearmanr(rates, losses).statistic)
    assert found.num_ranked == 5
    assert found.groups[-1] == ("absent", 1, 9.0)


def test_keys_that_nearly_always_move_together_are_flagged() -> None:
    rows = [row(str(at), at % 3, depth=at, width=at + (at == 3), coin=at * 7 % 5) for at in range(8)]
    by_key = {one.keys[0]: one for one in varying(rows)}
    assert by_key["depth"].mixed_with == ["width"]
    assert by_key["coin"].mixed_with == []


def test_the_text_says_evidence_before_hints() -> None:
    rows = [row("a", 2.0, lr=0.1), row("b", 1.5, "a", lr=0.2)]
    text = vary_text("loss", varying(rows), num_runs=2, width=120)
    assert "lr              0.1 → 0.2  -0.500  exp_b" in text
    assert text.index("evidence") < text.index("hint")
    assert "0.1: 2 (1)  0.2: 1.5 (1)" in text


def test_where_nothing_varies_no_table_is_shown() -> None:
    told = "loss over 2 runs; 0 hyperparameters vary on their own"
    assert vary_text("loss", varying([row("a", 2.0, lr=1), row("b", 1.5, lr=1)]), num_runs=2, width=120) == told


def test_many_numbers_are_ranges_and_few_digits_tell_what_changed() -> None:
    rates = [10 ** (-5 + at / 4) for at in range(9)]
    rows = [row(str(at), float(at), str(at - 1), lr=rate) for at, rate in enumerate(rates)]
    (found,) = varying(rows)
    assert found.groups == [
        ("1e-05 to 3.162e-05", 3, 1.0),
        ("5.623e-05 to 0.0001778", 3, 4.0),
        ("0.0003162 to 0.001", 3, 7.0),
    ]
    assert (found.alone[0].was, found.alone[0].now) == ("1e-05", "1.778e-05")
    (near,) = varying([row("a", 1.0, lr=0.123456789), row("b", 2.0, "a", lr=0.123456788)])
    assert (near.alone[0].was, near.alone[0].now) == ("0.123456789", "0.123456788")


def test_long_values_that_differ_at_their_end_alone_are_two() -> None:
    prompt = "a prompt that is longer than any cell of a table"
    (found,) = varying([row("a", 1.0, prompt=prompt + "!"), row("b", 3.0, prompt=prompt + "?")])
    assert [(num_runs, mean) for _, num_runs, mean in found.groups] == [(1, 1.0), (1, 3.0)]
