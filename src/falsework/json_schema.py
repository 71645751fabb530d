"""The schema as JSON Schema (draft 7), for editors: completion, hover and the errors that need no other file.

    json_schema(table, schema_version=1) -> plain data

It describes one layer, not a whole config: nothing is required, and every value may be a directive. A table with a
`kind` takes that kind's keys, one without takes those of all kinds, as the kind may stand in a base. Keywords for
numbers and for tables stand side by side, so that a wrong value is one error and not one for each alternative.
"""

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any, Literal, NamedTuple, get_args, get_origin

from falsework.layer import Tree
from falsework.plain import default_of
from falsework.schema import Component, Field, Leaf, Named, Shape, Table

DRAFT = "http://json-schema.org/draft-07/schema#"

_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string"}  # a path is written as a string
_BOUNDS = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}
_UNSET: Tree = {"const": True, "description": "as if no earlier layer had said anything"}
_SWEEP: Tree = {"description": "one experiment for each; only tools/sweep reads it", "type": "array", "minItems": 1}
_WHOLE: Tree = {"_unset": _UNSET, "_sweep": _SWEEP}
_OPEN: Tree = {"additionalProperties": True}  # its kinds are strict; tombi wants to be told that it is not
_NO_KEY: Tree = {"$ref": "#/definitions/no_key"}  # for a plain `false`, taplo marks the whole table
_WORDS: Tree = {
    "_ref": {"description": "the value at this path, after all layers", "type": "string"},
    "_expr": {"description": "arithmetic over other values", "type": "string"},
    **_WHOLE,
}
_HEAD: Tree = {
    "extends": {
        "description": "what this file is laid on: a file or a list of them, relative to this one",
        "type": ["string", "array"],
        "items": {"type": "string"},
    },
    "schema": {"description": "the schema version that this file was written for", "type": "integer", "minimum": 1},
    "why": {"description": "what this experiment is to tell", "type": "string"},
}


class _Writing(NamedTuple):
    """The definitions so far, by name."""

    definitions: Tree


def json_schema(root: Table, *, schema_version: int) -> Tree:
    """The whole schema. Its definitions are the kinds, the tables and the two forms of a directive."""
    definitions: Tree = {
        "no_key": {"description": "no key of this table", "not": {}},
        "directive": _keys(_WORDS),
        "list_directive": _keys({**_WORDS, "_append": {"type": "array"}, "_prepend": {"type": "array"}}),
    }
    writing = _Writing(definitions)
    head = {**_HEAD, "schema": {**_HEAD["schema"], "maximum": schema_version}}
    properties = {
        **head,
        "_sweep": _SWEEP,
        **{name: _of_field(writing, field, name) for name, field in root.fields.items()},
    }
    described = _description(root.type.__doc__)
    return {"$schema": DRAFT, **described, **_object(properties), "definitions": definitions}


def bounds(validator: Any) -> Tree:
    """What attrs' own validators say about a number, a text or a list, in the words of JSON Schema."""
    if hasattr(validator, "validator"):
        return bounds(validator.validator)
    if hasattr(validator, "compare_op"):
        return {_BOUNDS[validator.compare_op]: validator.bound}
    if hasattr(validator, "min_length"):
        return {"minItems": validator.min_length}
    every = getattr(validator, "_validators", ())
    return reduce(or_, (bounds(one) for one in every), {})


def _of_field(writing: _Writing, field: Field, path: str) -> Tree:
    """A field's schema; tables and kinds are definitions, named by their path."""
    doc = field.attribute.metadata.get("doc")
    if not isinstance(field.shape, Leaf):
        return _of_shape(writing, field.shape, path, doc)
    default = default_of(field)
    about = {**_description(doc), **({} if default is None else {"default": default})}
    return {**about, **_of_leaf(field.shape.type, bounds(field.attribute.validator))}


def _of_shape(writing: _Writing, shape: Shape, path: str, doc: str | None = None) -> Tree:
    match shape:
        case Leaf():
            return {**_description(doc), **_of_leaf(shape.type, {})}
        case Named():
            item = _of_shape(writing, shape.item, f"{path}.NAME")
            every = {"_every": {**item, "description": "holds for every table here"}}
            properties = {**_WHOLE, **({} if isinstance(shape.item, Leaf) else every)}
            return {**_description(doc), "type": "object", "properties": properties, "additionalProperties": item}
        case Table():
            properties = {name: _of_field(writing, field, f"{path}.{name}") for name, field in shape.fields.items()}
            return {**_description(doc), **_object({**properties, **_WHOLE})}
        case Component():
            if f"{path}.any" not in writing.definitions:
                writing.definitions.update(_kinds(writing, shape, path))
            open_table = {"type": "object", "properties": {"kind": {"enum": list(shape.kinds)}}, **_OPEN}
            return {**_description(doc), **open_table, "allOf": list(_by_kind(shape, path))}


def _by_kind(shape: Component, path: str) -> Iterator[Tree]:
    """One rule for each kind, and one for a table that does not say it, or says another."""
    for kind in shape.kinds:
        is_this = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
        yield {"if": is_this, "then": {"$ref": f"#/definitions/{path}.{kind}"}}
    is_known = {"properties": {"kind": {"enum": list(shape.kinds)}}, "required": ["kind"]}
    yield {"if": {"not": is_known}, "then": {"$ref": f"#/definitions/{path}.any"}}


def _kinds(writing: _Writing, shape: Component, path: str) -> Iterator[tuple[str, Tree]]:
    """A definition for each kind, and one with the keys of all of them."""
    when = {kind: {"$ref": f"#/definitions/{path}.{kind}"} for kind in shape.kinds}
    language = {"_when": {"description": "holds while the kind is this", **_object(when)}, **_WHOLE}
    every: dict[str, list[Tree]] = {}
    for kind, table in shape.kinds.items():
        doc = _description(table.type.__doc__)
        fields = {name: _of_field(writing, field, f"{path}.{name}") for name, field in table.fields.items()}
        for name, schema in fields.items():
            if schema not in every.setdefault(name, []):
                every[name].append(schema)
        kind_key = {"kind": {"const": kind, **doc}}
        yield f"{path}.{kind}", {**doc, **_object({**kind_key, **fields, **language})}
    either = {name: found[0] if len(found) == 1 else {"anyOf": found} for name, found in every.items()}
    yield f"{path}.any", _object({"kind": {}, **either, **language})


def _of_leaf(annotation: Any, limits: Tree) -> Tree:
    """A value or a directive, told apart by what they are: the keywords of the one do not touch the other."""
    value = {**_of_value(annotation), **limits}
    form = "list_directive" if get_origin(annotation) is tuple else "directive"
    directive = {"$ref": f"#/definitions/{form}"}
    if "enum" in value:
        return {"anyOf": [value, {"type": "object", "allOf": [directive]}]}
    return {**value, "type": [value["type"], "object"], "allOf": [directive]}


def _of_value(annotation: Any) -> Tree:
    if get_origin(annotation) is Literal:
        return {"enum": list(get_args(annotation))}
    if get_origin(annotation) is tuple:
        items = get_args(annotation)
        if items[1:] == (...,):
            return {"type": "array", "items": _of_value(items[0])}
        length = {"minItems": len(items), "maxItems": len(items)}
        return {"type": "array", "items": [_of_value(item) for item in items], **length}
    return {"type": _TYPES.get(annotation, "string")}


def _description(doc: str | None) -> Tree:
    return {"description": " ".join(doc.split())} if doc else {}


def _object(properties: Tree) -> Tree:
    return {"type": "object", **_keys(properties)}


def _keys(properties: Tree) -> Tree:
    """What a table may hold, if it is a table."""
    return {"properties": properties, "additionalProperties": _NO_KEY}
