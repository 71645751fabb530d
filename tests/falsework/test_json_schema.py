"""JSON Schema and reference page. Rules are checked by an interpreter of the few keywords that are used, below."""

import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from attrs import field, frozen, make_class

from falsework.json_schema import json_schema
from falsework.reference import reference
from falsework.schema import compile_schema
from tests.falsework.toy import BASE, KINDS, Run

TABLE = compile_schema(Run, KINDS)
SCHEMA = json_schema(TABLE, schema_version=3)
TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}


def is_a(value: Any, name: str) -> bool:
    if name == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


def errors(schema: Any, value: Any, path: str = "") -> list[str]:
    """Paths of what draft 7 refuses; https://json-schema.org/draft-07/json-schema-validation, sections 6.1 to 6.7."""
    if "$ref" in schema:
        return errors(SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]], value, path)
    found = [*below(schema, value, path), *([] if holds_itself(schema, value) else [path])]
    if "not" in schema and not errors(schema["not"], value):
        found.append(path)
    for every in schema.get("allOf", ()):
        found += errors(every, value, path)
    if "anyOf" in schema and all(errors(either, value) for either in schema["anyOf"]):
        found.append(path)
    if "if" in schema:
        found += [] if errors(schema["if"], value) else errors(schema["then"], value, path)
    return found


def holds_itself(schema: Any, value: Any) -> bool:
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    right = [
        not names or any(is_a(value, name) for name in names),
        value == schema.get("const", value),
        value in schema.get("enum", [value]),
    ]
    if is_a(value, "number"):
        right.append(schema.get("minimum", value) <= value <= schema.get("maximum", value))
        right.append("exclusiveMinimum" not in schema or schema["exclusiveMinimum"] < value)
    if isinstance(value, list):
        right.append(schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)))
    if isinstance(value, dict):
        right.append(all(key in value for key in schema.get("required", ())))
    return all(right)


def below(schema: Any, value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        items = schema.get("items", {})
        for number, item in enumerate(value):
            yield from errors(items if isinstance(items, dict) else items[number], item, f"{path}[{number}]")
    for key, item in value.items() if isinstance(value, dict) else ():
        rule = schema.get("properties", {}).get(key, schema.get("additionalProperties", True))
        if rule is not True:
            yield from errors(rule, item, f"{path}.{key}")


def refused(text: str) -> list[str]:
    return sorted(set(errors(SCHEMA, tomllib.loads(textwrap.dedent(text)))))


@pytest.mark.parametrize(
    "text",
    [
        BASE,
        "extends = 'a.toml'\nschema = 3\nwhy = 'x'",
        "extends = ['a.toml']",
        "optimizer.lr = 1\noptimizer.momentum = 0.5",
        "optimizer.lr = { _ref = 'train.num_steps' }\ntrain.num_steps = { _expr = '3 * 4' }",
        "[optimizer]\n_unset = true",
        "data.tags = { _append = ['a'], _prepend = [] }\noptimizer.betas = [0.1, 1]",
        "[model._when.gpt]\nnum_layers = 2\n[eval._every._when.completions]\nmode = 'greedy'",
        "[eval.x]\nkind = 'completions'\nmode = { _ref = 'note' }\n[eval.y]\n_unset = true",
        "weights = { a = 1, b = { _unset = true } }",
    ],
)
def test_what_is_right_is_accepted(text: str) -> None:
    assert refused(text) == []


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("seeed = 1", [".seeed"]),
        ("schema = 4", [".schema"]),
        ("why = 1", [".why"]),
        ("optimizer.kind = 'adam'", [".optimizer.kind"]),
        ("optimizer = { kind = 'muon', betas = [0.1, 0.2] }", [".optimizer.betas"]),
        ("optimizer.lrr = 1", [".optimizer.lrr"]),
        ("optimizer = { kind = 'adam', lr = 0, lrr = 1 }", [".optimizer.kind", ".optimizer.lr", ".optimizer.lrr"]),
        ("optimizer.lr = 0", [".optimizer.lr"]),
        ("optimizer.betas = [0.1]", [".optimizer.betas"]),
        ("optimizer.lr = { _reff = 'a' }", [".optimizer.lr._reff"]),
        ("train.num_steps = 1.5", [".train.num_steps"]),
        ("train.num_steps = { _append = [1] }", [".train.num_steps._append"]),
        ("train.shuffle = 1", [".train.shuffle"]),
        ("data.tags = ['a', 1]", [".data.tags[1]"]),
        ("[eval.x]\nmode = 'gready'", [".eval.x.mode"]),
        ("[model._when.gtp]\nnum_layers = 2", [".model._when.gtp"]),
        ("[model._when.gpt]\nchannels = [1]", [".model._when.gpt.channels"]),
    ],
)
def test_what_is_wrong_is_one_error_at_its_place(text: str, paths: list[str]) -> None:
    assert refused(text) == paths


def test_the_reference_has_a_line_for_every_field() -> None:
    derived = {
        "model.max_positions": (("data.seq_len",), int),
        "train.num_threads": (("train.seed", "data.seq_len"), int),
    }
    lines = reference(TABLE, derived).splitlines()
    assert '### `kind = "muon"`' in lines
    assert "| `lr` | float, > 0 | required | science |  |" in lines
    assert "| `betas` | tuple[float, float] | `[0.9, 0.95]` | science |  |" in lines
    assert "| `max_positions` | int | follows `data.seq_len` | science |  |" in lines
    assert "| `num_threads` | int | follows `train.seed`, `data.seq_len` | speed |  |" in lines
    assert "| `note` | str | absent | science |  |" in lines
    assert '| `mode` | "greedy" or "sample" | `"greedy"` | science |  |' in lines
    assert "## `[eval.NAME]`" in lines


@frozen(kw_only=True)
class Off:
    """Nothing."""


@frozen(kw_only=True)
class Rare:
    """A table with kinds, within a table, within a kind."""

    inner: Off = field(factory=Off, metadata={"class": "place", "doc": "one"})
    many: Mapping[str, Off] = field(factory=dict, metadata={"class": "place", "doc": "several"})


def test_the_reference_has_a_section_for_tables_within_tables() -> None:
    root = make_class("Root", {"log": field(type=Rare, metadata={"class": "place"})}, frozen=True, kw_only=True)
    lines = reference(compile_schema(root, {Off: {"off": Off}}), {}).splitlines()
    assert [line for line in lines if line.startswith("## ")] == [
        "## At the top of a file",
        "## `[log]`",
        "## `[log.inner]`",
        "## `[log.many.NAME]`",
    ]
    assert lines.count('### `kind = "off"`') == 2
