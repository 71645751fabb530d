"""Nothing converts, and every fault is found at once."""

import math
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from attrs.validators import ge

from falsework.scalars import Refused
from falsework.structure import strict_converter
from tests.falsework.toy import BASE, Completions, first_lines, helps, on_base, on_base_wrong, write

NO_POINT = "write seed = 1, without a point or exponent"
UNQUOTED = "write shuffle = false, without quotes"


@pytest.mark.parametrize(
    ("text", "what", "mend"),
    [
        ("train.seed = true", "expected a whole number, got true", ""),
        ("train.seed = 1.0", "expected a whole number, got the number 1.0", NO_POINT),
        ("train.seed = 1.5", "expected a whole number, got the number 1.5", ""),
        ('train.seed = "12"', 'expected a whole number, got the string "12"', "write seed = 12, without quotes"),
        ('optimizer.lr = "0.1"', 'expected a number, got the string "0.1"', "write lr = 0.1, without quotes"),
        ("optimizer.lr = true", "expected a number, got true", ""),
        ("optimizer.lr = [0.1]", "expected a number, got a list", ""),
        ("note = { x = 1 }", "expected a string, got a table", ""),
        ("optimizer.lr = 1" + "0" * 400, "expected a number that a float can hold, got a number of over 40 digits", ""),
        ('train.shuffle = "false"', 'expected true or false, got the string "false"', UNQUOTED),
        ('train.shuffle = "False"', 'expected true or false, got the string "False"', UNQUOTED),
        ("train.shuffle = 0", "expected true or false, got the number 0", ""),
        ("train.device = 3", "expected a string, got the number 3", 'write device = "3", in quotes'),
        ("train.device = 1979-05-27", "expected a string, got the date or time 1979-05-27", ""),
        ("log.file = 3", "expected a path in quotes, got the number 3", ""),
        ("optimizer.betas = 0.1", "expected a list, got the number 0.1", "write betas = [0.1], in brackets"),
        ("optimizer.betas = [0.1]", "expected a list of 2, got one of 1", ""),
        ("eval = 3", "expected a table of named entries, got the number 3", ""),
        ("note = false", "expected a string, got false", 'write note = "false", in quotes'),
    ],
)  # fmt: skip
def test_values_are_taken_as_they_are_or_refused(text: str, what: str, mend: str) -> None:
    [line] = on_base_wrong(text)
    assert line.split(": ", 2)[2] == what
    assert helps(text) == [mend]


def test_a_float_takes_whole_numbers_inf_and_nan() -> None:
    weights = on_base("weights = { a = 1, b = inf, c = nan }").value.weights
    assert type(weights["a"]) is float
    assert weights["b"] == math.inf
    assert math.isnan(weights["c"])


def test_a_path_is_written_as_a_string() -> None:
    assert on_base('log.file = "x/y"').value.log.file == Path("x/y")


def test_a_literal_is_one_of_its_words() -> None:
    text = '[eval.a]\nkind = "completions"\nmode = "sample"'
    assert on_base(text).value.eval["a"] == Completions(mode="sample")
    wrong = text.replace('"sample"', '"sampl"')
    assert on_base_wrong(wrong) == ['a.toml:3:8: eval.a.mode: expected "greedy" or "sample", got the string "sampl"']
    assert helps(wrong) == ["did you mean sample?"]


def test_elements_of_a_list_are_pointed_at() -> None:
    assert on_base_wrong("optimizer.betas = [\n  0.1,\n  'x']") == [
        'a.toml:3:3: optimizer.betas[1]: expected a number, got the string "x"',
    ]


def test_an_array_of_tables_is_no_table() -> None:
    assert "expected a table with a kind, got a list" in on_base_wrong("[[eval.x]]\nkind = 'completions'")[0]


def test_validators_of_all_fields_and_tables_report_at_once() -> None:
    write("a.toml", BASE.replace("100", "0").replace("3e-4", "-1"))
    write("b.toml", "model.dim = 65\nmodel.num_heads = 2\ntrain.seed = 'x'")
    assert first_lines("a.toml", "b.toml") == [
        "a.toml:3:13: train.num_steps: must be >= 1, got 0",
        "a.toml:6:6: optimizer.lr: must be > 0, got -1.0",
        "b.toml:1:13: model.dim: must be a multiple of num_heads = 2, got 65",
        'b.toml:3:14: train.seed: expected a whole number, got the string "x"',
    ]


def test_a_validator_that_needs_a_wrong_field_stays_silent() -> None:
    assert len(on_base_wrong("model.dim = 65\nmodel.num_heads = 'x'")) == 1


def test_a_validator_that_divides_by_a_wrong_zero_stays_silent() -> None:
    def divides_width(owner: Any, _attribute: Any, value: int) -> None:
        assert owner.width % value == 0

    @frozen
    class Heads:
        width: int
        number: int = field(validator=[ge(1), divides_width])

    with pytest.raises(Refused) as caught:
        strict_converter({}).structure({"width": 64, "number": 0}, Heads)
    assert [(fault.path, fault.what) for fault in caught.value.faults] == [(("number",), "must be >= 1, got 0")]


def test_a_validator_can_point_below_its_value() -> None:
    assert on_base_wrong("[weights]\nbooks = 1\nweb = -1") == ["a.toml:3:7: weights.web: is negative"]


def test_every_validator_of_a_field_is_asked() -> None:
    def refuse(_owner: Any, _attribute: Any, value: int) -> None:
        raise ValueError(f"odd, as {value} is")

    @frozen
    class Odd:
        number: int = field(validator=[refuse, lambda *_: None, refuse])

    with pytest.raises(Refused) as caught:
        strict_converter({}).structure({"number": 3}, Odd)
    assert [(fault.path, fault.what) for fault in caught.value.faults] == [(("number",), "odd, as 3 is")] * 2
