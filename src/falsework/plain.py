"""Config objects as the plain data that TOML can hold: tables, lists, scalars. Refuses what no file could say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

import attrs

from falsework.schema import Component, Field, Leaf, Named, Shape, Table


def plain(value: Any, shape: Shape) -> Any:
    """A config object as plain data: kinds written, None left out, tuples as lists."""
    match shape:
        case Leaf():
            return plain_leaf(value)
        case Named():
            assert isinstance(value, Mapping), f"named tables are a mapping, not {value!r}"
            return {name: plain(item, shape.item) for name, item in value.items()}
        case Component():
            kind = next((kind for kind, table in shape.kinds.items() if table.type is type(value)), None)
            assert kind is not None, f"{type(value).__name__} is none of the kinds {', '.join(shape.kinds)}"
            return {"kind": kind, **plain(value, shape.kinds[kind])}
        case Table():
            values = ((name, getattr(value, name), field.shape) for name, field in shape.fields.items())
            return {name: plain(item, below) for name, item, below in values if item is not None}


def plain_leaf(value: Any) -> Any:
    """A scalar, or a tuple of them as a list."""
    if isinstance(value, tuple):
        return [plain_leaf(item) for item in value]
    return str(value) if isinstance(value, FilePath) else value


def default_of(field: Field) -> Any:
    """A field's default as plain data; None when there is none, or when it is None."""
    default = field.attribute.default
    if default is None or default is attrs.NOTHING:
        return None
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class at run time
        default = default.factory()
    return plain(default, field.shape)
