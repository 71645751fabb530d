"""What differs between two configs after resolution, by path, with both values and both places; nothing else.

    differences(a, b) -> rows        report(a, b, "text") -> str        delta(a, b) -> the layer that turns a into b

A component of another kind, or one that only one side has, is a single row: its keys are folded into it.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from falsework.config import Config
from falsework.layer import Tree
from falsework.origins import is_written
from falsework.paths import dotted
from falsework.places import Path
from falsework.report import visible
from falsework.schema import value_at
from falsework.write import spelled

_MAX_PADDED = 32  # columns; a longer value pushes its row, not the table
_MAX_VALUE = 72  # characters of a value in a row; of two long ones the parts that differ are shown
_NOT_SET = "(not set)"


class Difference(NamedTuple):
    """One row. None is absence. In a row of kinds, `folded` holds what changed below them."""

    path: Path
    a: Any
    b: Any
    a_place: str
    b_place: str
    folded: "tuple[Difference, ...] | None" = None


def differences(a: Config, b: Config) -> list[Difference]:
    """Every difference, in the order of the schema."""
    return list(_differences(a, b, a.tree, b.tree, ()))


def _differences(a: Config, b: Config, left: Tree, right: Tree, path: Path) -> Iterator[Difference]:
    for key in {**left, **right}:
        here = (*path, key)
        x, y = left.get(key), right.get(key)
        tables = [value for value in (x, y) if isinstance(value, dict)]
        kinds = [value.get("kind") for value in tables]
        if tables and any(kinds) and (len(tables) == 1 or kinds[0] != kinds[1]):
            yield _folded(a, b, x or {}, y or {}, here)
        elif any(tables):
            yield from _differences(a, b, x or {}, y or {}, here)
        elif repr(x) != repr(y):
            yield Difference(here, x, y, _place(a, here, x), _place(b, here, y))


def _folded(a: Config, b: Config, left: Tree, right: Tree, path: Path) -> Difference:
    rows = _differences(a, b, left, right, path)
    kind, *others = sorted(rows, key=lambda row: row.path != (*path, "kind"))
    return kind._replace(path=path, folded=tuple(others))


def _place(config: Config, path: Path, value: Any) -> str:
    if value is None:
        return ""
    link = config.links.get(path)
    return f"{config.origin(path)} ({link.word} {link.note})" if link else config.origin(path)


def delta(a: Config, b: Config) -> Tree:
    """A layer that, applied after a's files, gives b's values."""
    stale = {path for path, link in a.links.items() if any(_differ(a, b, read) for read in link.reads)}
    return _delta(a, a.tree, b.tree, (), stale)


def _differ(a: Config, b: Config, path: Path) -> bool:
    return repr(value_at(a.tree, path)) != repr(value_at(b.tree, path))


def _delta(a: Config, left: Tree, right: Tree, path: Path, stale: set[Path]) -> Tree:
    """`stale`: what a reads from values that are others in b, and has to be told even where both sides agree."""
    layer: Tree = {}
    for key in {**left, **right}:
        here = (*path, key)
        x, y = left.get(key), right.get(key)
        if y is None:
            layer[key] = {"_unset": True}
        elif not isinstance(x, dict) or not isinstance(y, dict):
            if repr(x) != repr(y) or here in stale:
                layer[key] = y
        elif repr(x) != repr(y) or any(path[: len(here)] == here for path in stale):
            is_default = not is_written(a.merged.origins, here)  # no file names it: name it whole
            is_other_kind = x.get("kind") != y.get("kind")
            layer[key] = y if is_default or is_other_kind else _delta(a, x, y, here, stale)
    return {key: value for key, value in layer.items() if value != {} or right.get(key) == {}}


def report(a: Config, b: Config, form: str) -> str:
    """The differences as `text`, `markdown`, `json`, or as a `toml` layer."""
    return FORMATS[form](a, b)


def _text(a: Config, b: Config) -> str:
    rows = [(dotted(row.path), *_sides(row), _places(row)) for row in differences(a, b)]
    paths = max((len(path) for path, *_ in rows), default=0)
    left, right = (max((len(row[side]) for row in rows if len(row[side]) <= _MAX_PADDED), default=0) for side in (1, 2))
    lines = [f"{path:{paths}}  {x:{left}} -> {y:{right}}  {places}" for path, x, y, places in rows]
    count = {0: "no differences", 1: "1 difference"}.get(len(rows), f"{len(rows)} differences")
    return "\n".join([*lines, count]) + "\n"


def _markdown(a: Config, b: Config) -> str:
    lines = [f"| setting | {a.name} | {b.name} | set in |", "|--|--|--|--|"]
    for row in differences(a, b):
        cells = [f"`{cell}`".replace("|", "\\|") for cell in (dotted(row.path), *_sides(row))]
        lines.append(f"| {' | '.join(cells)} | {_places(row)} |")
    return "\n".join(lines) + "\n"


def _json(a: Config, b: Config) -> str:
    import json

    rows = [_as_json(row) for row in differences(a, b)]
    return json.dumps({"a": a.name, "b": b.name, "differences": rows}, indent=2, ensure_ascii=False) + "\n"


def _as_json(row: Difference) -> Tree:
    plain = {"path": dotted(row.path), "a": finite(row.a), "b": finite(row.b)}
    plain |= {"a_place": row.a_place or None, "b_place": row.b_place or None}
    return {**plain, "folded": [_as_json(below) for below in row.folded]} if row.folded is not None else plain


def _toml(a: Config, b: Config) -> str:
    import tomli_w

    return f"# turns {visible(a.name)} into {visible(b.name)}\n{tomli_w.dumps(delta(a, b))}"


FORMATS: dict[str, Callable[[Config, Config], str]] = {
    "text": _text,
    "json": _json,
    "toml": _toml,
    "markdown": _markdown,
}


def _sides(row: Difference) -> tuple[str, str]:
    """Both values as they are shown; of a folded row, the kinds and what else came, went and changed."""
    left, right = _spelled(row.a), _spelled(row.b)
    if row.folded is None:
        return _cut(left, right)
    left, right = (f"kind {kind}" if kind else _NOT_SET for kind in (row.a, row.b))
    changes = ", ".join(_change(below, row.path) for below in row.folded)
    return left, f"{right}  ({changes})" if changes else right


def _change(row: Difference, above: Path) -> str:
    name = dotted(row.path[len(above) :])
    left, right = _cut(_spelled(row.a), _spelled(row.b))
    if row.a is None:
        return f"+{name} {right}"
    return f"-{name} {left}" if row.b is None else f"{name} {left} -> {right}"


def _cut(left: str, right: str) -> tuple[str, str]:
    """Two values short enough for a row, from shortly before the first character in which they differ."""
    if max(len(left), len(right)) <= _MAX_VALUE:
        return left, right
    same = next((i for i, (x, y) in enumerate(zip(left, right, strict=False)) if x != y), min(len(left), len(right)))
    start = max(0, same - _MAX_VALUE // 3)
    return _window(left, start), _window(right, start)


def _window(text: str, start: int) -> str:
    end = start + _MAX_VALUE
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")


def _places(row: Difference) -> str:
    places = dict.fromkeys(
        place for place in (row.a_place, row.b_place) if place
    )  # a tie may be the same on both sides
    return " -> ".join(visible(place) for place in places)


def _spelled(value: Any) -> str:
    return _NOT_SET if value is None else visible(spelled(value))


def finite(value: Any) -> Any:
    """The value for JSON, which has no inf and nan: they become the words."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
