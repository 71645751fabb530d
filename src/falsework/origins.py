"""Where a value comes from: a tree of origins that stands beside the tree of values, and the places they name.

Most origins are the number of a layer, so keeping them costs a pointer per value; lines and columns are found only when
somebody asks.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import NamedTuple, Union

from falsework.layer import Layer, Spot
from falsework.layers import shown_path
from falsework.places import Path
from falsework.schema import value_at


class Piece(NamedTuple):
    """Elements of a joined list that stand together: `num` of them, in the list at `path` of a layer's file."""

    layer: int | None  # None: they are the default's
    path: Path
    num: int


class Written(NamedTuple):
    """A layer wrote the key: its number in the stack, and the path, in that file, of the table the key stands in.

    A list that several layers wrote has the last one's place, and its elements have those of their `pieces`.
    """

    layer: int
    table: Path
    pieces: tuple[Piece, ...] = ()


class Default:
    """No layer did; this field's default holds, with everything below it."""

    def __init__(self, owner: type, field: str) -> None:
        self.owner = owner
        self.field = field


class Pinned:
    """No layer did; the file is older than the schema, and this was the default in the schema it was written for."""

    def __init__(self, schema_version: int) -> None:
        self.schema_version = schema_version


Origin = Written | Default | Pinned
# A plain dict for a table, an origin for a key; a number is that layer's, at the very path that the key has here.
Origins = dict[str, Union[int, Origin, "Origins"]]


def origin_at(origins: Origins, path: Path) -> tuple[Origin | None, Path]:
    """The origin of the value at `path`, and the path of the key that has it (a list's element has its list's)."""
    node: int | Origin | Origins | None = origins
    for depth, part in enumerate(path, 1):
        node = node.get(part) if isinstance(node, dict) and isinstance(part, str) else None
        if isinstance(node, int):
            return Written(node, path[: depth - 1]), path[:depth]
        if node is None or not isinstance(node, dict):
            return node, path[:depth]
    return None, path


def spot_of_value(layers: Sequence[Layer], origins: Origins, path: Path) -> Spot | None:
    """The spot of a value that some layer wrote; None for defaults and for what is not there."""
    origin, key_path = origin_at(origins, path)
    return _spot_of_written(layers, origin, path, key_path) if isinstance(origin, Written) else None


def _spot_of_written(layers: Sequence[Layer], origin: Written, path: Path, key_path: Path) -> Spot | None:
    below = path[len(key_path) :]
    if origin.pieces and below:
        position = below[0]
        assert isinstance(position, int), "a joined list holds elements"
        for piece in origin.pieces:
            if position < piece.num:
                return (
                    Spot(layers[piece.layer], (*piece.path, position, *below[1:]), "value")
                    if piece.layer is not None
                    else None
                )
            position -= piece.num
    return Spot(layers[origin.layer], (*origin.table, *path[len(key_path) - 1 :]), "value")


def is_written(origins: Origins, path: Path) -> bool:
    """Whether some layer wrote the value at `path`, or anything in the table there."""
    origin, _ = origin_at(origins, path)
    if origin is not None:
        return isinstance(origin, Written)
    below: int | Origin | Origins | None = origins
    for part in path:
        below = below.get(str(part)) if isinstance(below, dict) else None
    return isinstance(below, dict) and any(is_written(below, (key,)) for key in below)


def spot_of_table(layers: Sequence[Layer], origins: Origins, path: Path, experiment: Layer) -> Spot:
    """The header of the table at `path`, or of the nearest one above it; at last the experiment file's first line.

    Of several layers that write into it, the one that says its kind, else the last.
    """
    for length in range(len(path), 0, -1):
        origin, _ = origin_at(origins, (*path[:length], "kind"))
        if isinstance(origin, Written):
            return Spot(layers[origin.layer], origin.table, "header")
        for layer in reversed(layers):
            if isinstance(value_at(layer.values, path[:length]), dict):
                return Spot(layer, path[:length], "header")
    return Spot(experiment)


def spot_name(spot: Spot) -> str:
    """`file:line:col`."""
    place = spot.place()
    return f"{spot.layer.name}:{place.line}:{place.col}"


def default_place(default: Default) -> str:
    """Where the schema's source writes the field, found by reading that source; without a source, the class's name."""
    for owner in default.owner.__mro__:
        module = sys.modules.get(owner.__module__)
        file: str | None = getattr(module, "__file__", None)
        line = _line_of_field(FilePath(file), owner.__name__, default.field) if file else None
        if file and line:
            return f"default {shown_path(FilePath(file).absolute())}:{line}"
    return f"default {default.owner.__qualname__}.{default.field}"


def _line_of_field(file: FilePath, owner: str, field: str) -> int | None:
    """The line of `field: ...` below `class owner`, by its look: `ast` takes ten times as long to say the same."""
    try:
        source = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    pattern = rf"^([ \t]*)class {owner}\b.*\n(?:\1[ \t]+\S.*\n|[ \t]*\n)*?\1[ \t]+{field}[ \t]*:"
    match = re.search(pattern, source, re.MULTILINE)
    return source.count("\n", 0, match.end()) + 1 if match else None
