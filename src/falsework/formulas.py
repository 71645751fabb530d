"""`_expr`: arithmetic over numbers and over the values of other paths, and nothing else.

    formula = parse("train.num_steps // 20")
    formula.reads  -> (("train", "num_steps"),)        formula.value([100]) -> 5

It has + - * / // % **, min max round int and parentheses, and means by them what Python means. It is read by the few
lines below, never handed to Python. Length, depth, exponent and every result in between are bounded.
"""

import math
import operator
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from falsework.paths import dotted, parse_dotted, quoted
from falsework.places import Path, Span
from falsework.report import describe

MAX_LENGTH = 200  # characters
MAX_DEPTH = 16  # of parentheses, signs and powers within each other
MAX_EXPONENT = 64
MAX_INTEGER = 2**63 - 1  # what TOML's integers hold

Number = int | float

_WORD = r"[A-Za-z_]\w*+"
_PART = rf"""(?:{_WORD}|"[^"\\\n]*+"|'[^'\n]*+')"""
_TOKEN = (
    r"[ \t]*+(?:(?P<number>\d++(?:_\d++)*+(?:\.\d++(?:_\d++)*+)?(?:[eE][+-]?\d++)?)"
    rf"|(?P<path>{_PART}(?:\.{_PART})*+)|(?P<sign>\*\*|//|[-+*/%(),]))"
)
_BINARY: dict[str, tuple[int, Callable[[Any, Any], Any]]] = {
    "+": (1, operator.add),
    "-": (1, operator.sub),
    "*": (2, operator.mul),
    "/": (2, operator.truediv),
    "//": (2, operator.floordiv),
    "%": (2, operator.mod),
}
_FUNCTIONS: dict[str, tuple[range, Callable[..., Any]]] = {
    "min": (range(2, MAX_LENGTH), min),
    "max": (range(2, MAX_LENGTH), max),
    "round": (range(1, 2), round),
    "int": (range(1, 2), int),
}
_WHAT_IT_HAS = "_expr has numbers, paths, + - * / // % ** ( ) and min max round int"


class Wrong(ValueError):
    """A formula that cannot be read, or has no value; `span` is the piece of its text that is to blame."""

    def __init__(self, what: str, span: Span, mend: str = "") -> None:
        super().__init__(what)
        self.what, self.span, self.mend = what, span, mend


class _Token(NamedTuple):
    kind: str  # "number", "path", "sign" or "end"
    text: str
    span: Span


class _Step(NamedTuple):
    """One step of a program for a stack: push a number or a value that is read, or apply a function to the top."""

    span: Span
    push: Number | Path = 0
    apply: Callable[..., Any] | None = None
    num_arguments: int = 0


class Formula(NamedTuple):
    """A formula that has been read; its steps in the order in which they are taken."""

    steps: tuple[_Step, ...]
    reads: tuple[Path, ...]

    def value(self, values: Sequence[Any]) -> Number:
        """The result for the values of `reads`. Raises Wrong when one is no number, or a result out of bounds."""
        given = dict(zip(self.reads, values, strict=True))
        stack: list[Number] = []
        for step in self.steps:
            if step.apply is not None:
                arguments = stack[-step.num_arguments :]
                del stack[-step.num_arguments :]
                stack.append(_applied(step, arguments))
            else:
                value = given[step.push] if isinstance(step.push, tuple) else step.push
                stack.append(_bounded(value, step))
        (result,) = stack
        return result

    def span_of(self, path: Path) -> Span:
        """Where in the text a path is read first."""
        return next(step.span for step in self.steps if step.apply is None and step.push == path)


def spelled_path(path: Path) -> str:
    """A path as a formula writes it: names that are no words stand in quotes."""
    return ".".join(str(part) if re.fullmatch(_WORD, str(part), re.ASCII) else quoted(str(part)) for part in path)


@lru_cache(maxsize=1024)
def parse(text: str) -> Formula:
    """Read a formula. Raises Wrong."""
    if len(text) > MAX_LENGTH:
        raise Wrong(f"a formula of over {MAX_LENGTH} characters", Span(0, len(text)), "write a derived field instead")
    reading = _Reading(_tokens(text), [])
    _operation(reading, 1, 0)
    last = reading.tokens.pop()
    if last.kind != "end":
        raise Wrong(f"expected an operator, not {last.text}", last.span, _WHAT_IT_HAS)
    reads = dict.fromkeys(step.push for step in reading.steps if isinstance(step.push, tuple))
    return Formula(tuple(reading.steps), tuple(reads))


class _Reading(NamedTuple):
    """The tokens to come, the next one last, and the steps so far."""

    tokens: list[_Token]
    steps: list[_Step]


def _tokens(text: str) -> list[_Token]:
    token = re.compile(_TOKEN, re.ASCII)  # kept by re; not compiled for configs without formulas
    tokens = []
    position, end = 0, len(text.rstrip(" \t"))
    while position < end:
        match = token.match(text, position)
        if match is None:
            start = position + len(text[position:]) - len(text[position:].lstrip(" \t"))
            raise Wrong(f"{describe(text[start])} is not arithmetic", Span(start, start + 1), _WHAT_IT_HAS)
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match[kind], Span(*match.span(kind))))
        position = match.end()
    tokens.append(_Token("end", "the end", Span(end, end + 1)))
    return tokens[::-1]


def _operation(reading: _Reading, weakest: int, depth: int) -> None:
    """Operands joined by operators that bind at least as strongly as `weakest`, from left to right."""
    _operand(reading, depth + 1)
    while reading.tokens[-1].text in _BINARY and _BINARY[reading.tokens[-1].text][0] >= weakest:
        sign = reading.tokens.pop()
        strength, function = _BINARY[sign.text]
        _operation(reading, strength + 1, depth)
        reading.steps.append(_Step(sign.span, apply=function, num_arguments=2))


def _operand(reading: _Reading, depth: int) -> None:
    """A sign and its operand, or a number, a value or a group, with the power it is raised to."""
    token = reading.tokens.pop()
    if depth > MAX_DEPTH:
        raise Wrong(f"nested over {MAX_DEPTH} deep", token.span)
    if token.text in ("+", "-"):
        _operand(reading, depth + 1)
        reading.steps.append(
            _Step(token.span, apply=operator.neg if token.text == "-" else operator.pos, num_arguments=1)
        )
        return
    _atom(reading, token, depth)
    if reading.tokens[-1].text == "**":
        sign = reading.tokens.pop()
        _operand(reading, depth + 1)
        reading.steps.append(_Step(sign.span, apply=_power, num_arguments=2))


def _atom(reading: _Reading, token: _Token, depth: int) -> None:
    if token.kind == "number":
        number = int(token.text) if token.text.replace("_", "").isdigit() else float(token.text)
        reading.steps.append(_Step(token.span, push=number))
    elif token.kind == "path" and reading.tokens[-1].text == "(":
        _call(reading, token, depth)
    elif token.kind == "path":
        path = parse_dotted(token.text)
        assert path is not None, "a token that looks like a path is one"
        reading.steps.append(_Step(token.span, push=path))
    elif token.text == "(":
        _operation(reading, 1, depth)
        _expect(reading, ")")
    else:
        raise Wrong(f"expected a number, a path or ( and not {token.text}", token.span, _WHAT_IT_HAS)


def _call(reading: _Reading, name: _Token, depth: int) -> None:
    if name.text not in _FUNCTIONS:
        raise Wrong(f"there is no function {name.text}", name.span, _WHAT_IT_HAS)
    counts, function = _FUNCTIONS[name.text]
    num_arguments = 0
    while num_arguments == 0 or reading.tokens[-1].text == ",":
        reading.tokens.pop()  # the parenthesis or comma before
        _operation(reading, 1, depth)
        num_arguments += 1
    _expect(reading, ")")
    if num_arguments not in counts:
        taken = "one number" if counts[-1] == 1 else "two numbers or more"
        raise Wrong(f"{name.text} takes {taken}", name.span)
    reading.steps.append(_Step(name.span, apply=function, num_arguments=num_arguments))


def _expect(reading: _Reading, sign: str) -> None:
    token = reading.tokens.pop()
    if token.text != sign:
        raise Wrong(f"expected {sign} and not {token.text}", token.span)


def _applied(step: _Step, arguments: list[Number]) -> Number:
    assert step.apply is not None, "a step that pushes applies nothing"
    try:
        return _bounded(step.apply(*arguments), step)
    except ZeroDivisionError:
        raise Wrong("division by zero", step.span) from None
    except OverflowError:
        raise Wrong("the result is too large", step.span) from None


def _power(number: Number, exponent: Number) -> Any:
    if abs(exponent) > MAX_EXPONENT:
        raise OverflowError
    return number**exponent


def _bounded(value: Any, step: _Step) -> Number:
    name = f"{dotted(step.push)} is" if isinstance(step.push, tuple) else "the result is"
    if type(value) not in (int, float):
        what = "no real number" if isinstance(value, complex) else f"{describe(value)}, not a number"
        raise Wrong(f"{name} {what}", step.span)
    if abs(value) > MAX_INTEGER if type(value) is int else not math.isfinite(value):
        raise Wrong(f"{name} too large" if type(value) is int else f"{name} {value}, not a finite number", step.span)
    return value  # type: ignore[no-any-return]  # an int or a float, as checked
