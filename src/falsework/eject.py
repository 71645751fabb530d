"""A config as one Python file: plain constructor calls that make an equal object, and nothing of ours imported.

    eject(config, train_with="bindings.experiment.train_file") -> the text of the file

What the layers set comes first in each call, with its place; then the schema's defaults, written out and marked, so
that one that changes later changes nothing here. Only absence is left out: an optional field's default is None by the
rules of the schema. Ties and other directives are resolved; the comment says where they stood.
"""

import ast
import math
import textwrap
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from falsework.config import Config
from falsework.paths import dotted
from falsework.places import Path
from falsework.reading import paths_read
from falsework.report import visible
from falsework.schema import Component, Leaf, Named, Shape, Table

MAX_WIDTH = 120
INDENT = 4 * " "


class _Page(NamedTuple):
    """What the lines of one file need to know."""

    config: Config
    origins: dict[str, str]  # by dotted path
    names: dict[type, str]  # how each class is called in the file


def eject(config: Config, *, train_with: str) -> str:
    """The file's text; `train_with` is the dotted name of a function that takes the file's path and trains it."""
    classes = list(dict.fromkeys(_classes(config.value, config.table)))
    names = {owner: _name(owner, classes) for owner in classes}
    run = _lines(_Page(config, config.origins(), names), "run = ", config.value, config.table, ())
    run[-1] = run[-1].removesuffix(",") if len(run) > 1 else run[0].partition(",")[0]  # on one line, nothing is set
    module, _, trainer = train_with.rpartition(".")
    body = [
        '"""One experiment in plain Python, ejected from TOML; each value names the place that it had there."""',
        "",
        *_layers(config),
        "",
        *_imports(names, run, module, trainer),
        "",
        *_assigned("why", literal(config.why)),
        "",
        *run,
        "",
        'if __name__ == "__main__":',
        f"{INDENT}{trainer}(__file__)",
    ]
    return "\n".join(body) + "\n"


def _assigned(name: str, source: str) -> list[str]:
    """`name = source`; in brackets where that makes a long string fit, as a formatter has it."""
    line = f"{name} = {source}"
    is_mended = len(line) > MAX_WIDTH >= len(INDENT) + len(source)
    return [f"{name} = (", INDENT + source, ")"] if is_mended else [line]


def literal(value: Any) -> str:
    """A value as Python source, spelled as a formatter leaves it."""
    if isinstance(value, float) and not math.isfinite(value):
        return "math.nan" if math.isnan(value) else "math.inf" if value > 0 else "-math.inf"
    if isinstance(value, str):
        spelled = repr(value)
        return f'"{spelled[1:-1]}"' if spelled[0] == "'" and '"' not in value else spelled
    if isinstance(value, FilePath):
        return f"Path({literal(str(value))})"
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    assert isinstance(value, bool | int | float), f"{value!r} is not what a config holds"
    return repr(value)


def _layers(config: Config) -> list[str]:
    """The files that the config was made of, as comments."""
    lines = [f"# {visible(config.name)} was made of these layers, weakest first:"]
    for layer in config.files:
        said = visible(f"{layer.name}: {layer.why}" if layer.why else layer.name)
        lines += textwrap.wrap(said, MAX_WIDTH, initial_indent="#   ", subsequent_indent="#     ")
    return lines


def _imports(names: Mapping[type, str], run: list[str], module: str, trainer: str) -> list[str]:
    by_module: dict[str, list[str]] = {module: [trainer]}
    for owner, name in names.items():
        called = owner.__name__ if name == owner.__name__ else f"{owner.__name__} as {name}"
        by_module.setdefault(owner.__module__, []).append(called)
    ours = [f"from {name} import {', '.join(sorted(by_module[name], key=_import_order))}" for name in sorted(by_module)]
    used = {node.id for node in ast.walk(ast.parse("\n".join(run))) if isinstance(node, ast.Name)}
    theirs = ["import math"] * ("math" in used) + ["from pathlib import Path"] * ("Path" in used)
    return [*theirs, *[""] * bool(theirs), *ours]


def _import_order(name: str) -> tuple[bool, str]:
    return not name[0].isupper(), name


def _classes(value: Any, shape: Shape) -> list[type]:
    """The class of every object in the value, as often as it occurs."""
    match shape:
        case Named():
            return [owner for item in value.values() for owner in _classes(item, shape.item)]
        case Component():
            return _classes(value, _table_of(value, shape))
        case Table():
            below = [(getattr(value, name), field.shape) for name, field in shape.fields.items()]
            return [
                type(value),
                *(owner for item, inner in below if item is not None for owner in _classes(item, inner)),
            ]
        case _:
            return []


def _name(owner: type, classes: list[type]) -> str:
    """The class's own name; with its module's in front where two classes share it."""
    module = owner.__module__.rpartition(".")[2]
    is_shared = sum(other.__name__ == owner.__name__ for other in classes) > 1
    return module.title().replace("_", "") + owner.__name__ if is_shared else owner.__name__


def _table_of(value: Any, shape: Component) -> Table:
    (table,) = (table for table in shape.kinds.values() if table.type is type(value))
    return table


def _lines(page: _Page, prefix: str, value: Any, shape: Shape, path: Path) -> list[str]:
    """`prefix` and the value as source, with a comma and the value's place."""
    width = MAX_WIDTH - len(INDENT) * len(path)
    if isinstance(shape, Leaf):
        return _fitted(prefix, _leaf_parts(value), _comment(page, path), width)
    if isinstance(shape, Named):
        items = [(f"{literal(name)}: ", item, shape.item, (*path, name)) for name, item in value.items()]
        opening, closing, head = "{", "}", _comment(page, path) if not items else ""
    else:
        table = _table_of(value, shape) if isinstance(shape, Component) else shape
        opening, closing, head = f"{page.names[table.type]}(", ")", _comment(page, (*path, "kind"))
        items = _arguments(page, value, table, path)
    if not items or (path and _is_default(page, path)):
        return _fitted(prefix, (opening, [_flat(page, *item) for item in items], closing), head or "  # default", width)
    lines = [f"{prefix}{opening}{head}"]
    for item in items:
        lines += [INDENT + line for line in _lines(page, *item)]
    return [*lines, f"{closing},"]


Item = tuple[str, Any, Shape, Path]


def _arguments(page: _Page, value: Any, table: Table, path: Path) -> list[Item]:
    """The keyword arguments of one call: what some layer set, then what is default; None is left out."""
    items: list[Item] = [
        (f"{name}=", getattr(value, name), field.shape, (*path, name))
        for name, field in table.fields.items()
        if getattr(value, name) is not None
    ]
    return sorted(items, key=lambda item: _is_default(page, item[3]))


def _is_default(page: _Page, path: Path) -> bool:
    """Whether no layer set anything at or below the path."""
    key = dotted(path)
    places = [place for name, place in page.origins.items() if name == key or name.startswith(f"{key}.")]
    return bool(places) and all(place.startswith("default ") for place in places)


def _comment(page: _Page, path: Path) -> str:
    place = page.origins.get(dotted(path))
    if place is None:
        return ""
    read = ", ".join(dotted(target) for target in paths_read(page.config, path))
    place = "default" if place.startswith("default ") else visible(place)
    return f"  # {place}, from {visible(read)}" if read else f"  # {place}"


def _flat(page: _Page, prefix: str, value: Any, shape: Shape, path: Path) -> str:
    """The same on one line, without places."""
    if isinstance(shape, Leaf):
        return prefix + literal(value)
    if isinstance(shape, Named):
        pairs = (_flat(page, f"{literal(name)}: ", item, shape.item, (*path, name)) for name, item in value.items())
        return f"{prefix}{{{', '.join(pairs)}}}"
    table = _table_of(value, shape) if isinstance(shape, Component) else shape
    arguments = (_flat(page, *item) for item in _arguments(page, value, table, path))
    return f"{prefix}{page.names[table.type]}({', '.join(arguments)})"


def _leaf_parts(value: Any) -> tuple[str, list[str], str]:
    return ("(", [literal(item) for item in value], ")") if isinstance(value, tuple) else (literal(value), [], "")


def _fitted(prefix: str, parts: tuple[str, list[str], str], comment: str, width: int) -> list[str]:
    """On one line where it fits, else one item a line."""
    opening, items, closing = parts
    lone = "," if len(items) == 1 and opening == "(" else ""  # (1,) is a tuple, (1) is not
    line = f"{prefix}{opening}{', '.join(items)}{lone}{closing},{comment}"
    if not items or len(line) <= width:
        return [line]
    return [f"{prefix}{opening}{comment}", *(f"{INDENT}{item}," for item in items), f"{closing},"]
