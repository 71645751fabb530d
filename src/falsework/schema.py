"""What a config may hold: one walk over attrs classes and kinds, without making an instance of any.

    compile_schema(Run, {Optimizer: {"adamw": AdamW, "muon": Muon}}) -> Table

A config class is a plain attrs class; nothing of ours is on it. Each field's metadata has its class, `science`, `speed`
or `place`, and a line of `doc`. What the language cannot express is refused here with a TypeError, once: that is the
schema author's mistake, not the user's.
"""

import types
from collections.abc import Mapping
from functools import reduce
from operator import or_
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import attrs

from falsework.places import Path

RESERVED = ("extends", "schema", "why", "kind")
FIELD_CLASSES = ("science", "speed", "place")  # what is learnt, how fast, and where things are on this machine
VARIABLE_SUFFIX = "_env"  # such a field holds the name of an environment variable, never what stands in it


class Leaf:
    """A scalar or a list; the type says which."""

    def __init__(self, annotation: Any) -> None:
        self.type = annotation


class Named:
    """Tables (or leaves) that users name, `[eval.NAME]`."""

    def __init__(self, item: "Shape") -> None:
        self.item = item


class Component:
    """A table whose `kind` says which of these it is."""

    def __init__(self, kinds: "dict[str, Table]") -> None:
        self.kinds = kinds


class Table(NamedTuple):
    """One attrs class. The root's table knows also what other projects call its fields: their name -> its path."""

    type: type
    fields: "dict[str, Field]"
    elsewhere: Mapping[str, str] = MappingProxyType({})


class Field(NamedTuple):
    """One attribute of a config class."""

    name: str
    shape: "Shape"
    is_optional: bool
    attribute: "attrs.Attribute[Any]"
    owner: type
    field_class: str

    @property
    def is_required(self) -> bool:
        """Some file has to set it."""
        return self.attribute.default is attrs.NOTHING


Shape = Leaf | Named | Component | Table
Kinds = Mapping[Any, Mapping[str, type]]

_SCALARS = {scalar: Leaf(scalar) for scalar in (int, float, bool, str, FilePath)}


def compile_schema(root: type, kinds: Kinds) -> Table:
    """The root class's table. Raises TypeError for what the language cannot say."""
    return _table(root, kinds, ())


def fields_of(shape: Table | Component, kind: object) -> dict[str, Shape]:
    """The keys a table takes; those of every kind while the kind is not known."""
    if isinstance(shape, Table):
        return {field.name: field.shape for field in shape.fields.values()}
    known = shape.kinds.get(kind) if isinstance(kind, str) else None
    tables = [known] if known else list(shape.kinds.values())
    return {name: shape for table in reversed(tables) for name, shape in fields_of(table, None).items()}


def can_be(shape: Shape, path: Path) -> bool:
    """Whether something can stand at `path` below a shape, in whatever kinds."""
    if not path or isinstance(shape, Leaf):
        return not path
    name, rest = str(path[0]), path[1:]
    if isinstance(shape, Named):
        return can_be(shape.item, rest)
    if isinstance(shape, Component):
        return path == ("kind",) or any(can_be(table, path) for table in shape.kinds.values())
    return name in shape.fields and can_be(shape.fields[name].shape, rest)


def field_at(root: Table, tree: dict[str, Any], path: Path) -> Field | None:
    """The field of the schema at `path`, in the kinds that the tree has."""
    return fields_along(root, tree, path)[-1] if path else None


def class_at(root: Table, tree: dict[str, Any], path: Path) -> str:
    """The class of what stands at `path`; a kind, a name and a list's element have that of the field they belong to."""
    classes = [field.field_class for field in fields_along(root, tree, path) if field is not None]
    return classes[-1]


def fields_along(root: Table, tree: dict[str, Any], path: Path) -> list[Field | None]:
    """For each part of `path` the field that it names, in the kinds that the tree has; None for what is no field."""
    shape: Shape = root
    node: Any = tree
    fields: list[Field | None] = []
    for part in path:
        if isinstance(shape, Component):
            kind = node.get("kind") if isinstance(node, dict) else None
            shape = shape.kinds.get(str(kind), Leaf(None))
        field = shape.fields.get(str(part)) if isinstance(shape, Table) else None
        fields.append(field)
        shape = field.shape if field else shape.item if isinstance(shape, Named) else Leaf(None)
        node = node.get(part) if isinstance(node, dict) else None
    return fields


def value_at(tree: dict[str, Any], path: Path) -> Any:
    """The value at `path` of a tree of plain data; None when there is none."""
    node: Any = tree
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    return node


def _table(owner: type, kinds: Kinds, above: tuple[type, ...]) -> Table:
    if not attrs.has(owner):
        raise TypeError(f"{owner!r} is in the schema but is no attrs class")
    if owner in above:
        raise TypeError(f"{owner.__name__} holds itself")
    fields = {}
    here = (*above, owner)
    for attribute in attrs.fields(owner):
        try:
            fields[attribute.name] = _field(attribute, owner, kinds, here)
        except TypeError as error:
            raise TypeError(f"{owner.__name__}.{attribute.name}: {error}") from None
    return Table(owner, fields)


def _field(attribute: "attrs.Attribute[Any]", owner: type, kinds: Kinds, above: tuple[type, ...]) -> Field:
    name, annotation = attribute.name, attribute.type
    if name in RESERVED or name.startswith("_"):
        raise TypeError("this name belongs to the config language")
    if annotation is None or isinstance(annotation, str):
        raise TypeError("needs a type, and not as a string")
    if not attribute.init or attribute.alias != name:
        raise TypeError("every field is set by its own name")
    is_optional = _is_union(annotation) and type(None) in get_args(annotation)
    if is_optional:
        annotation = reduce(or_, [argument for argument in get_args(annotation) if argument is not type(None)])
        if attribute.default is not None:
            raise TypeError("optional, so its default must be None: absence is None")
    shape = _shape(annotation, kinds, above)
    if name.endswith(VARIABLE_SUFFIX) and annotation is not str:
        raise TypeError(f"a name that ends in {VARIABLE_SUFFIX} is that of an environment variable: a str")
    field_class = attribute.metadata.get("class")
    if field_class not in FIELD_CLASSES:
        raise TypeError(f"its class, {' or '.join(FIELD_CLASSES)}, is missing from metadata['class']")
    return Field(name, shape, is_optional, attribute, owner, str(field_class))


def _shape(annotation: Any, kinds: Kinds, above: tuple[type, ...]) -> Shape:
    if (leaf := _SCALARS.get(annotation)) is not None:
        return leaf
    if annotation in kinds:
        named = kinds[annotation]
        if len(set(named.values())) != len(named):
            raise TypeError("one class under two kinds")
        return Component({kind: _table(owner, kinds, above) for kind, owner in named.items()})
    if isinstance(annotation, type) and attrs.has(annotation):
        return _table(annotation, kinds, above)
    if get_origin(annotation) in (dict, Mapping):
        key, item = get_args(annotation)
        if key is not str:
            raise TypeError("the names of named tables are strings")
        return Named(_shape(item, kinds, above))
    _check_leaf(annotation)
    return Leaf(annotation)


def _check_leaf(annotation: Any) -> None:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple and arguments:
        for argument in arguments:
            if argument is not ...:
                _check_leaf(argument)
    elif _is_union(annotation):
        raise TypeError(f"the union {annotation} is not in kinds")
    elif isinstance(annotation, type) and attrs.has(annotation):
        raise TypeError(f"{annotation.__name__} in a list; things that come and go are named tables: Mapping[str, …]")
    elif annotation not in _SCALARS and origin is not Literal:
        raise TypeError(f"{annotation!r} is none of the types that a config can hold")


def _is_union(annotation: Any) -> bool:
    return not isinstance(annotation, type) and get_origin(annotation) in (Union, types.UnionType)
