"""Schemas that the language cannot speak about are refused when they are first used."""

from collections.abc import Mapping
from typing import Any, Literal

import pytest
from attrs import field, frozen, make_class

from falsework import load
from falsework.schema import class_at, compile_schema
from tests.falsework.toy import KINDS, SCIENCE, Run


@frozen
class A:
    """A config class."""

    x: int = field(metadata=SCIENCE, default=0)


@frozen
class B:
    """A config class."""

    x: int = field(metadata=SCIENCE, default=0)


@pytest.mark.parametrize(
    ("annotation", "default", "message"),
    [
        (int | None, 3, "its default must be None"),
        (int | str, 3, "not in kinds"),
        (A | B, A(), "not in kinds"),
        (tuple[A, ...], (), "named tables"),
        (list[int], [], "none of the types"),
        (tuple[int | str, ...], (), "not in kinds"),
        (Mapping[int, int], {}, "names of named tables are strings"),
        (Any, 1, "none of the types"),
        ("int", 1, "not as a string"),
        (object, 1, "none of the types"),
    ],
)
def test_types_that_a_config_cannot_hold_are_refused(annotation: Any, default: Any, message: str) -> None:
    root = make_class("Root", {"x": field(type=annotation, default=default)}, frozen=True)
    with pytest.raises(TypeError, match=message):
        compile_schema(root, {})


@pytest.mark.parametrize("name", ["kind", "extends", "schema", "why", "_x"])
def test_names_of_the_language_are_refused(name: str) -> None:
    root = make_class("Root", {name: field(type=int, default=0)})
    with pytest.raises(TypeError, match="belongs to the config language"):
        compile_schema(root, {})


def test_fields_that_cannot_be_set_and_classes_that_are_no_configs_are_refused() -> None:
    with pytest.raises(TypeError, match="set by its own name"):
        compile_schema(make_class("Root", {"x": field(type=int, init=False, default=0)}), {})
    with pytest.raises(TypeError, match="no attrs class"):
        load(["x"], root=dict, kinds={})
    with pytest.raises(TypeError, match="one class under two kinds"):
        compile_schema(make_class("Root", {"x": field(type=A)}), {A: {"a": A, "b": A}})


def test_every_type_of_the_language_is_taken() -> None:
    @frozen
    class Root:
        a: Literal["x", 3] = field(metadata=SCIENCE)
        b: tuple[tuple[int, str], ...] = field(metadata=SCIENCE)
        c: dict[str, Mapping[str, A]] = field(metadata=SCIENCE)
        d: A | B | None = field(metadata=SCIENCE, default=None)

    assert set(compile_schema(Root, {A | B: {"a": A, "b": B}}).fields) == {"a", "b", "c", "d"}


def test_a_field_without_a_class_is_refused() -> None:
    for metadata in ({}, {"doc": "x"}, {"class": "sience"}):
        root = make_class("Root", {"x": field(type=int, metadata=metadata)})
        with pytest.raises(TypeError, match=r"Root\.x: its class, science or speed or place, is missing"):
            compile_schema(root, {})


def test_an_environment_variable_is_named_by_a_string() -> None:
    with pytest.raises(TypeError, match="environment variable"):
        compile_schema(make_class("Root", {"token_env": field(metadata=SCIENCE, type=int)}), {})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("optimizer", "kind"), "science"),
        (("log", "file"), "place"),
        (("train", "device"), "place"),
        (("train", "num_threads"), "speed"),
        (("weights", "web"), "science"),
        (("eval", "a", "kind"), "science"),
        (("data", "tags", 0), "science"),
    ],
)
def test_a_kind_a_name_and_an_element_have_the_class_of_their_field(path: tuple[str | int, ...], expected: str) -> None:
    tree = {"optimizer": {"kind": "adamw"}, "eval": {"a": {"kind": "completions"}}, "data": {"kind": "python_source"}}
    assert class_at(compile_schema(Run, KINDS), tree, path) == expected
