"""Checks one layer's own keys against the schema, before any other layer can shadow them.

    check_keys(layer, below, root) -> Checked

`below` is the tree of all earlier layers: with the layer's own `kind` lines it tells which kind is in force. While no
kind is known, a key is right if any kind has it. Values are not judged here, except the words of the language itself.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from falsework.layer import Layer, Spot, Tree, holds_no_table, spot_in_string
from falsework.paths import dotted, parse_dotted
from falsework.places import Path
from falsework.problems import MAX_HELPED, Problem
from falsework.report import describe, did_you_mean
from falsework.schema import Component, Leaf, Named, Shape, Table, can_be, fields_of

_MANY = 4  # keys from which on asking for all at once is faster than one by one
_WORDS = ("_append", "_prepend", "_ref", "_expr", "_unset", "_when", "_every")
_INSTANTIATION = ("_target_", "_name", "_partial_", "_recursive_", "_args_", "_convert_")  # of Hydra and its like
_ELSEWHERE = {
    **dict.fromkeys(_INSTANTIATION, "a class is named by its kind: kind = KIND"),
    "_sweep": "many values are many experiments: tools/sweep FILE writes one file for each",
}


class Checked(NamedTuple):
    """What was found: problems, and the paths of `_when` and `_every`, of which most layers have none."""

    problems: list[Problem]
    profiles: list[Path]


class _Checking(NamedTuple):
    layer: Layer
    root: Table
    problems: list[Problem]
    profiles: list[Path]

    def refuse(self, path: Path, what: str, mend: str = "", part: Any = "key") -> None:
        self.problems.append(Problem(what, path, Spot(self.layer, path, part), mend))

    def near(self, word: str, words: Iterable[str]) -> str:
        """A help line with the nearest word."""
        return did_you_mean(word, words) if len(self.problems) < MAX_HELPED else ""


def check_keys(layer: Layer, below: Tree, root: Table) -> Checked:
    """Unknown keys, unknown kinds, and words of the language used wrongly, in this layer alone."""
    checking = _Checking(layer, root, [], [])
    _check_fields(checking, layer.values, below, root, ())
    return Checked(checking.problems, checking.profiles)


def _check_nested(checking: _Checking, value: Tree, below: Any, shape: Shape, path: Path) -> None:
    """A table found as the value of a known key: a real table, or a directive that stands for a value."""
    check = _check_words if "_unset" in value else _CHECKS[type(shape)]
    check(checking, value, below if type(below) is dict else {}, shape, path)


def _check_named(checking: _Checking, values: Tree, below: Tree, shape: Named, path: Path) -> None:
    for key, value in values.items():
        if key.startswith("_") or key == "kind":
            _check_odd(checking, key, values, shape, path)
        elif type(value) is dict:
            _check_nested(checking, value, below.get(key), shape.item, (*path, key))


def _check_fields(checking: _Checking, values: Tree, below: Tree, shape: Table, path: Path) -> None:
    if len(values) >= _MANY and values.keys() <= shape.fields.keys() and holds_no_table(values):
        return
    for key, value in values.items():
        field = shape.fields.get(key)
        if field is None:
            _check_odd(checking, key, values, shape, path)
        elif type(value) is dict:
            _check_nested(checking, value, below.get(key), field.shape, (*path, key))


def _check_component(checking: _Checking, values: Tree, below: Tree, shape: Component, path: Path) -> None:
    kind = values.get("kind", below.get("kind"))
    if "kind" in values and (type(kind) is not str or kind not in shape.kinds):
        what = f"unknown kind {kind}" if type(kind) is str else f"kind is a word, not {describe(kind)}"
        checking.refuse((*path, "kind"), what, checking.near(str(kind), shape.kinds), "value")
    fields = fields_of(shape, kind)
    for key, value in values.items():
        item = fields.get(key)
        if item is None:
            if key != "kind":
                _check_odd(checking, key, values, shape, path, kind)
        elif type(value) is dict:
            _check_nested(checking, value, below.get(key), item, (*path, key))


def _check_words(checking: _Checking, value: Tree, _below: Tree, _shape: Shape, path: Path) -> None:
    words = [key for key in value if key.startswith("_")]
    if words:
        _check_directive(checking, value, words, path)


_CHECKS: dict[type, Callable[[_Checking, Tree, Tree, Any, Path], None]] = {
    Component: _check_component,
    Table: _check_fields,
    Named: _check_named,
    Leaf: _check_words,
}


def _check_directive(checking: _Checking, value: Tree, words: list[str], path: Path) -> None:
    for word in words:
        if word not in _WORDS:
            _refuse_word(checking, word, path)
            return
    if len(value) > 1 and set(value) != {"_append", "_prepend"}:
        checking.refuse((*path, words[0]), f"{words[0]} stands alone", f"take {_others(value, words[0])} away")
        return
    for word in words:
        given = value[word]
        if word in ("_append", "_prepend") and type(given) is not list:
            checking.refuse((*path, word), f"expected a list, got {describe(given)}", f"write {word} = [...]", "value")
        elif word == "_unset" and given is not True:
            checking.refuse((*path, word), "expected true", "write _unset = true", "value")
        elif word == "_expr":
            _check_formula(checking, given, (*path, word))
        elif word == "_ref":
            _check_tie(checking, given, path)
        elif word in ("_when", "_every"):
            checking.refuse((*path, word), f"{word} belongs into a table, and this is a value")


def _bare_path(given: Any) -> str:
    """The mend for a path in the marks of another language: ${model.dim}, %dim."""
    bare = given.strip("${}% ") if type(given) is str else ""
    return f'write _ref = "{bare if parse_dotted(bare) else "TABLE.KEY"}"'


def _check_tie(checking: _Checking, given: Any, path: Path) -> None:
    read = parse_dotted(given) if type(given) is str else None
    if read is None:
        checking.refuse((*path, "_ref"), "expected a dotted path", _bare_path(given), "value")
    elif _is_nowhere(checking, read, path):
        _refuse_read(checking, read, path, Spot(checking.layer, path, "value"))


def _check_formula(checking: _Checking, given: Any, path: Path) -> None:
    if type(given) is not str:
        checking.refuse(path, "expected a formula in quotes", 'write _expr = "train.num_steps // 20"', "value")
        return
    from falsework.formulas import Wrong, parse  # many a config has none

    whole = Spot(checking.layer, path, "value")
    try:
        formula = parse(given)
    except Wrong as wrong:
        spot = spot_in_string(whole, given, wrong.span)
        checking.problems.append(Problem(wrong.what, path, spot, wrong.mend))
        return
    for read in formula.reads:
        if _is_nowhere(checking, read, path):
            _refuse_read(checking, read, path[:-1], spot_in_string(whole, given, formula.span_of(read)))


def _is_nowhere(checking: _Checking, read: Path, path: Path) -> bool:
    """What no kind of any table has cannot be read, though a later layer may take the reading away.

    Below `_every` and `_when` that is seen where they apply: there it would be told again, by another path.
    """
    return not can_be(checking.root, read) and {"_every", "_when"}.isdisjoint(path)


def _refuse_read(checking: _Checking, read: Path, path: Path, spot: Spot) -> None:
    checking.problems.append(Problem(f"there is no {dotted(read)}", path, spot))


def _check_odd(checking: _Checking, key: str, values: Tree, shape: Shape, path: Path, kind: object = None) -> None:
    """A key that is no field: `_when` and `_every` in their places, everything else is a problem."""
    body = values[key]
    if key == "_when" and isinstance(shape, Component):
        checking.profiles.append((*path, key))
        _check_when(checking, body, shape, (*path, key))
    elif key == "_every" and isinstance(shape, Named) and not isinstance(shape.item, Leaf):
        checking.profiles.append((*path, key))
        _check_body(checking, body, shape.item, (*path, key))
    elif key in _WORDS:
        _refuse_place(checking, key, (*path, key))
    elif key.startswith("_"):
        _refuse_word(checking, key, path)
    elif isinstance(shape, Named) and type(body) is str and not isinstance(shape.item, Leaf):
        name = dotted(path)
        checking.refuse((*path, key), f"[{name}] has no kind, but the tables in it have", f"write [{name}.NAME]")
    elif isinstance(shape, Named):
        checking.refuse((*path, key), f"{key} is a word of the config language", "take another name")
    elif isinstance(shape, Table | Component):
        from falsework.hints import help_for_key  # only a mistake needs it

        what = f"unknown key for kind {kind}" if isinstance(kind, str) else "unknown key"
        is_helped = len(checking.problems) < MAX_HELPED
        checking.refuse((*path, key), what, help_for_key(key, body, shape, kind, checking.root) if is_helped else "")
        meant = checking.root.fields.get(checking.root.elsewhere.get(key, ""))
        if meant is not None and type(body) is dict:  # all that is wrong below has to be mended too
            _check_nested(checking, body, {}, meant.shape, (*path, key))


def _check_when(checking: _Checking, body: Any, shape: Component, path: Path) -> None:
    if type(body) is not dict:
        checking.refuse(path, "expected a table for each kind", "write [TABLE._when.KIND]", "value")
        return
    for kind, keys in body.items():
        if kind in shape.kinds:
            _check_body(checking, keys, shape.kinds[kind], (*path, kind))
        else:
            checking.refuse((*path, kind), f"unknown kind {kind}", checking.near(kind, shape.kinds))


def _check_body(checking: _Checking, body: Any, shape: Shape, path: Path) -> None:
    """What stands in `_every` or below `_when.KIND`: ordinary keys of that table, but neither its kind nor its end."""
    if type(body) is not dict:
        checking.refuse(path, f"expected a table, got {describe(body)}", part="value")
        return
    for word in ("kind", "_unset"):
        if word in body:
            checking.refuse((*path, word), f"{word} cannot depend on other tables", "write it in the table itself")
    _check_nested(checking, {key: body[key] for key in body if key not in ("kind", "_unset")}, {}, shape, path)


def _refuse_word(checking: _Checking, word: str, path: Path) -> None:
    what = f"{word} is no word of the config language, which owns all keys that begin with _"
    mend = _ELSEWHERE.get(word) or checking.near(word, _WORDS)
    checking.refuse((*path, word), what, mend)


def _refuse_place(checking: _Checking, word: str, path: Path) -> None:
    places = {
        "_when": "a table that has a kind",
        "_every": "a table of named tables",
        "_unset": "a table below the root, or the place of a value",
    }
    place = places.get(word, "the place of a value: key = { " + word + " = ... }")
    checking.refuse(path, f"{word} belongs into {place}")


def _others(value: Tree, word: str) -> str:
    return ", ".join(key for key in value if key != word)
