"""Random schemas and layers: attrs classes that nobody wrote, and files that set some of what they hold.

All is drawn from one `random.Random`: hypothesis' own strategies take ten times as long to be made anew for each schema
as everything that is tested with them.
"""

import math
import sys
from collections.abc import Callable, Mapping
from functools import partial, reduce
from itertools import count
from operator import or_
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, Literal, NamedTuple, Optional, get_args, get_origin

import attrs
from attrs.validators import ge, le

from tests.falsework.second_opinion import Kinds, Schema, Tree, Wrong, inner, laid, owner_of, written

MODULE = "random_schemas"  # where a file that imports the classes finds them
MAX_DEEP = 3
FIELD_NAMES = ("lr", "width", "num_steps", "a", "b", "mix", "depth", "path", "env")
NAMES = ("web", "code", "held-out", "a b", "é", "1", "a.b", 'a"b', "", "\n")
KIND_NAMES = ("gpt", "muon", "x-1")
COUNTS = (0, 1, -1, 7, 2**63 - 1, -(2**63))
NUMBERS = (0.0, -0.0, 1.0, 0.1, 1e-9, 1e22, 5e-324, -1e300, math.inf, -math.inf)
TEXTS = (
    "",
    "auto",
    "a'b",
    'a"b',
    "a\nb\r\t",
    "\\",
    "é\u2028",
    "\x00\x7f",
    "\U0001f600",
    "'''",
    '"""',
    "_ref",
    "1",
    "true",
)
PATHS = tuple(map(Path, ("a/b", "/x y", "ü", ".")))
OPTIONS = ("auto", "on", "", 3, True)


class Typed(NamedTuple):
    """A type, and how a value of it is drawn; `validator` holds for all of them."""

    type: Any
    value: Callable[[Random], Any]
    validator: Any = None


_numbers = count()


def schema_from(random: Random) -> tuple[Schema, Callable[[Random], Any]]:
    """A schema, and how an object of its root class is drawn."""
    sys.modules[MODULE] = ModuleType(MODULE)
    kinds: Kinds = {}
    root = _class(random, kinds, MAX_DEEP)
    whole = [field.name for field in attrs.fields(root.type) if field.type is int and field.validator is None]
    derived = {}
    if len(whole) > 1 and random.random() < 0.5:
        target, *reads = random.sample(whole, len(whole))
        derived[target] = tuple(reads), lambda *values: sum(value % 1000 for value in values)
    return Schema(root.type, kinds, derived), root.value


def _class(random: Random, kinds: Kinds, deep: int) -> Typed:
    fields, values = {}, {}
    for name in random.sample(FIELD_NAMES, random.randrange(0 if deep < MAX_DEEP else 2, 7)):
        typed = _type(random, kinds, deep - 1)
        options: dict[str, Any] = {"type": typed.type, "validator": typed.validator}
        values[name] = typed.value
        presence = random.choice(("required", "optional", "default", "default"))
        if presence == "optional":
            options |= {"type": Optional[typed.type], "default": None}  # noqa: UP045  # `|` takes no Literal
            options["validator"] = attrs.validators.optional(typed.validator) if typed.validator else None
            values[name] = partial(_one_of_none_and, typed.value)
        elif presence == "default":
            value = sayable(typed.value(random))
            options["default"] = attrs.Factory(partial(_same, value))
        metadata = {"class": random.choice(("science", "speed", "place"))}
        fields[name] = attrs.field(metadata=metadata, **options)
    owner = attrs.make_class(f"C{next(_numbers)}", fields, frozen=True, kw_only=True)
    owner.__module__ = MODULE
    setattr(sys.modules[MODULE], owner.__name__, owner)
    return Typed(owner, lambda random: owner(**{name: value(random) for name, value in values.items()}))


def _one_of_none_and(value: Callable[[Random], Any], random: Random) -> Any:
    return random.choice((None, value(random)))


def _same(value: Any) -> Any:
    return value


def _type(random: Random, kinds: Kinds, deep: int) -> Typed:
    makers = [_leaf, _leaf, _list, *([_class, _component, _named] if deep > 0 else [])]
    make = random.choice(makers)
    return make(random) if make in (_leaf, _list) else make(random, kinds, deep)  # type: ignore[operator]


def _leaf(random: Random) -> Typed:
    low = random.randrange(-5, 6)
    high = low + random.randrange(9)
    options = tuple(random.sample(OPTIONS, random.randrange(1, 4)))
    return random.choice(
        (
            Typed(int, lambda random: random.choice(COUNTS)),
            Typed(int, lambda random: random.randint(low, high), [ge(low), le(high)]),
            Typed(float, lambda random: random.choice(NUMBERS)),
            Typed(float, lambda random: random.uniform(low, high), [ge(low), le(high)]),
            Typed(bool, lambda random: random.random() < 0.5),
            Typed(str, lambda random: random.choice(TEXTS)),
            Typed(Path, lambda random: random.choice(PATHS)),
            Typed(Literal[options], lambda random: random.choice(options)),
        )
    )


def _list(random: Random) -> Typed:
    items = [_leaf(random)._replace(validator=None) for _ in range(random.randrange(1, 4))]
    if len(items) == 1:
        (item,) = items
        many = tuple.__class_getitem__((item.type, ...))
        return Typed(many, lambda random: tuple(item.value(random) for _ in range(random.randrange(4))))
    each = tuple.__class_getitem__(tuple(item.type for item in items))
    return Typed(each, lambda random: tuple(item.value(random) for item in items))


def _component(random: Random, kinds: Kinds, deep: int) -> Typed:
    classes = [_class(random, kinds, deep) for _ in range(random.randrange(1, 4))]
    union = reduce(or_, [typed.type for typed in classes])
    kinds[union] = dict(zip(KIND_NAMES, [typed.type for typed in classes], strict=False))
    return Typed(union, lambda random: random.choice(classes).value(random))


def _named(random: Random, kinds: Kinds, deep: int) -> Typed:
    item = _leaf(random) if random.random() < 0.3 else random.choice((_class, _component))(random, kinds, deep)
    names = Mapping[str, item.type]  # type: ignore[name-defined]  # made at run time

    def value(random: Random) -> dict[str, Any]:
        return {name: item.value(random) for name in random.sample(NAMES, random.randrange(4))}

    return Typed(names, value)


def sayable(value: Any) -> Any:
    """The value without what is optional: of a default, no file could take that away (falsework.lock refuses it)."""
    if isinstance(value, dict):
        return {name: sayable(item) for name, item in value.items()}
    if not attrs.has(type(value)):
        return value
    fields = [(field.name, inner(field.type) is not field.type) for field in attrs.fields(type(value))]
    return attrs.evolve(
        value, **{name: None if is_optional else sayable(getattr(value, name)) for name, is_optional in fields}
    )


def layers_from(random: Random, schema: Schema, value: Callable[[Random], Any]) -> list[Tree]:
    """A whole file, and up to three that say parts of other objects, in words of the language too."""
    trees = [_part(random, written(value(random), schema.kinds), schema.root, schema.kinds, 0.8)]
    below = trees[0]
    for _ in range(random.randrange(4)):
        tree = _part(random, written(value(random), schema.kinds), schema.root, schema.kinds, 0.4)
        trees.append(_with_words(random, tree, below, schema.root))
        try:
            below = laid(below, trees[-1])
        except Wrong:
            break
    return trees


def _part(random: Random, tree: Tree, annotation: Any, kinds: Kinds, chance: float) -> Tree:
    """The tree without some keys; what says a kind stays, and nearly always what is required."""
    annotation = inner(annotation)
    is_named = get_origin(annotation) is Mapping
    fields = {} if is_named else attrs.fields_dict(owner_of(annotation, tree, kinds))
    part = {}
    for key, value in tree.items():
        is_required = not is_named and key != "kind" and fields[key].default is attrs.NOTHING
        if key == "kind" or random.random() < (0.98 if is_required else chance):
            below = None if key == "kind" else get_args(annotation)[1] if is_named else fields[key].type
            part[key] = _part(random, value, below, kinds, chance) if isinstance(value, dict) else value
    return part


def _with_words(random: Random, tree: Tree, below: Tree, root: type) -> Tree:
    """Of the root's keys, some lists added to what is there, and some keys taken away."""
    changed = dict(tree)
    for field in attrs.fields(root):
        name, annotation = field.name, inner(field.type)
        is_open = get_origin(annotation) is tuple and ... in get_args(annotation)
        if is_open and name in tree and random.random() < 0.5:
            changed[name] = {random.choice(("_append", "_prepend")): tree[name]}
        elif name in below and name not in tree and random.random() < 0.1:
            changed[name] = {"_unset": True}
    return changed
