"""`_expr` by itself: it means what Python means, within bounds, and refuses everything else."""

import math
import operator

import pytest
from hypothesis import example, given
from hypothesis.strategies import (
    SearchStrategy,
    floats,
    integers,
    lists,
    one_of,
    recursive,
    sampled_from,
    text,
    tuples,
)

from falsework.formulas import MAX_DEPTH, MAX_EXPONENT, MAX_INTEGER, MAX_LENGTH, Wrong, parse
from falsework.places import Span

OPERATORS = ["+", "-", "*", "/", "//", "%", "**"]
NUMBERS: SearchStrategy[str] = one_of(
    integers(0, 99).map(str), floats(0, 99, allow_nan=False).map(lambda number: repr(round(number, 3)))
)


def grow(inner: SearchStrategy[str]) -> SearchStrategy[str]:
    return one_of(
        tuples(inner, sampled_from(OPERATORS), inner).map(" ".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"-{text}"),
        inner.map(lambda text: f"round({text})"),
        lists(inner, min_size=2, max_size=3).map(lambda texts: f"min({', '.join(texts)})"),
    )


def value_of(formula: str, value: object) -> float:
    parsed = parse(formula)
    return parsed.value([value] * len(parsed.reads))


def of_python(formula: str) -> object:
    """What Python makes of it; None for what is out of our bounds or has no value."""
    try:
        result = eval(formula, {"__builtins__": {}, "min": min, "round": round})  # noqa: S307  # our own few words
    except (ArithmeticError, TypeError, ValueError):
        return None
    return result if isinstance(result, int | float) and math.isfinite(result) else None


@given(recursive(NUMBERS, grow, max_leaves=8).filter(lambda text: "** " not in text and len(text) <= MAX_LENGTH))
@example("2 - 3 - 4")
@example("-2**2")
@example("2**-1")
@example("2**3**2")
@example("-7 // 2 * 2 % 5")
@example("1 - -1")
@example("7 / 2 // 1")
def test_a_formula_means_what_python_means(formula: str) -> None:
    expected = of_python(formula)
    try:
        value = parse(formula).value([])
    except Wrong:
        assert expected is None or abs(expected) > MAX_INTEGER or "**" in formula  # type: ignore[arg-type]
    else:
        assert value == expected
        assert type(value) is type(expected)


SIGNS = text(alphabet="0123456789.eE_+-*/%(), minaxroud\"'", max_size=MAX_LENGTH + 3)


@given(one_of(text(max_size=MAX_LENGTH + 3), SIGNS))
def test_no_text_gives_anything_but_a_number_or_a_refusal(formula: str) -> None:
    try:
        value: object = value_of(formula, 3.5)
    except Wrong as refusal:
        value = refusal.span
    if isinstance(value, Span):
        assert 0 <= value.start <= value.end <= len(formula) + 1
    else:
        assert isinstance(value, int | float)
        assert math.isfinite(value)


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os').system('x')",
        "().__class__",
        "[1]",
        "lambda: 1",
        "1 if 1 else 2",
        "a := 1",
        "1 < 2",
        "True and 1",
        "'a' * 3",
        "exec('1')",
        "open",
        "print(1)",
        "a[0]",
        "a.b()",
        "f'{1}'",
        "1; 2",
        "1\n",
        "1 # one",
        "1 ** 1 **",
        "min()",
        "min(1)",
        "round(1, 2)",
        "int()",
        "1 2",
        "(1",
        "1)",
        "",
        " ",
        "1.",
        "1__0",
        "0x10",
        "1j",
        "é",
        "٣",
        "a. b",
        "min",
        "\0",
    ],
)
def test_what_is_not_arithmetic_is_refused(formula: str) -> None:
    with pytest.raises(Wrong):
        value_of(formula, "no number")


@pytest.mark.parametrize(
    "formula",
    [
        "1 + " * (MAX_LENGTH // 4) + "1",
        "(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1),
        "-" * (MAX_DEPTH + 1) + "1",
        "2**" * MAX_DEPTH + "1",
        f"1 ** {MAX_EXPONENT + 1}",
        f"1.5 ** -{MAX_EXPONENT + 1}",
        "2 ** 63",
        "9 ** 9 ** 9",
        "9223372036854775807 + 1",
        "9" * 30,
        "1e308 * 10",
        "1e999",
        "1 / 0",
        "1 // 0.0",
        "1 % 0",
        "0 ** -1",
        "(-8) ** 0.5",
        "round(1e300)",
    ],
)
def test_length_depth_exponent_and_every_result_are_bounded(formula: str) -> None:
    with pytest.raises(Wrong):
        parse(formula).value([])


def test_what_lies_within_the_bounds_is_taken() -> None:
    assert parse("2**62 - 1 + 2**62").value([]) == MAX_INTEGER
    assert parse("(" * (MAX_DEPTH - 1) + "1" + ")" * (MAX_DEPTH - 1)).value([]) == 1
    assert parse(f"1 ** {MAX_EXPONENT}").value([]) == 1


def test_paths_are_read_once_each_and_in_order() -> None:
    parsed = parse("min(a.b, 3) * \"x y\".'z' + a.b")
    assert parsed.reads == (("a", "b"), ("x y", "z"))
    assert parsed.value([2, 10]) == operator.add(2 * 10, 2)


@pytest.mark.parametrize("value", [True, "3", [3], None, math.inf, math.nan, 2**63])
def test_a_value_that_is_no_number_within_bounds_is_named(value: object) -> None:
    with pytest.raises(Wrong, match=r"^a\.b is ") as caught:
        parse("1 + a.b").value([value])
    assert caught.value.span == (4, 7)
