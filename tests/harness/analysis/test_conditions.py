"""Conditions as people type them become SQL, and a key that nothing has is told with the nearest."""

import pytest

from harness.analysis.conditions import quoted
from harness.launch import Refused

KEYS = ["optimizer.lr", "model.width", "train/loss", "eval/held_out/bits_per_byte", "eval/a-b/x"]


@pytest.mark.parametrize(
    ("typed", "sql"),
    [
        ("optimizer.lr > 1e-3", '"optimizer.lr" > 1e-3'),
        ("optimizer.lr>1.5e-3 and model.width=64", '"optimizer.lr">1.5e-3 and "model.width"=64'),
        ("train/loss/2 < 1", '"train/loss"/2 < 1'),
        ("train/loss - 1 < 1", '"train/loss" - 1 < 1'),
        ("eval/a-b/x < 1", '"eval/a-b/x" < 1'),
        ("state = 'train/loss'", "state = 'train/loss'"),
        ('"train/loss min" < 2', '"train/loss min" < 2'),
        ("seed = 1 and 0.5 < min(train/loss)", 'seed = 1 and 0.5 < min("train/loss")'),
        ("why LIKE 'it''s optimizer.lr%'", "why LIKE 'it''s optimizer.lr%'"),
    ],
)
def test_keys_are_quoted_and_nothing_else_is_touched(typed: str, sql: str) -> None:
    assert quoted(typed, KEYS) == sql


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(Refused, match=r"no key optimizer\.rl\n  help: did you mean optimizer\.lr\?"):
        quoted("optimizer.rl > 1", KEYS)


def test_a_dotted_name_of_sql_passes_where_it_may_be_one() -> None:
    assert quoted("SELECT r.run FROM runs r", KEYS, strict=False) == "SELECT r.run FROM runs r"
