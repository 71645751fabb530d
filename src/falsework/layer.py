"""One TOML file as it was read, and spots in it that problems and origins point at.

A layer never changes after reading. Its places are found when somebody first asks for one.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from falsework.places import Path, Span

if TYPE_CHECKING:
    from falsework.scan import Place, Places

Tree = dict[str, Any]  # plain data as tomllib gives it: tables, lists, scalars


def holds_no_table(table: Tree) -> bool:
    """Plain values alone, no directive among them either."""
    return dict not in map(type, table.values())


class _Read(NamedTuple):
    """What a Layer holds. It is a tuple because making an attrs class takes half a millisecond of every start."""

    name: str
    data: bytes
    text: str
    values: Tree
    extends: tuple[str, ...] = ()
    why: str = ""
    schema_version: int | None = None
    moves: tuple[tuple[Path, Path], ...] = ()  # what the file has at the first is at the second in the values


class ItselfAlone:
    """Equal to itself alone, as what it holds has no hash, and it never changes. It goes before a tuple among bases."""

    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be set: it never changes")


class Layer(ItselfAlone, _Read):
    """A file: `name` as the user would write it, `data` as it lies on disk, `text` with Unix line ends and no BOM."""

    @cached_property
    def places(self) -> "Places":
        """Every key, value and header of the file, by the paths that they have in `values`."""
        from falsework.scan import scan  # only who asks for a place needs it

        places = scan(self.text)
        if not self.moves:
            return places
        keys, values, headers = ({self.moved(path): span for path, span in spans.items()} for spans in places[:3])
        return places._replace(keys=keys, values=values, headers=headers)

    def moved(self, path: Path) -> Path:
        """The path in `values` of what the file has at `path`."""
        for old, new in self.moves:
            path = (*new, *path[len(old) :]) if path[: len(old)] == old else path
        return path


class Spot(NamedTuple):
    """A thing in a layer: what stands at `path`, or, when `span` is given, that piece of the text."""

    layer: Layer
    path: Path = ()
    part: Literal["key", "value", "header"] = "key"
    span: Span | None = None

    def place(self) -> "Place":
        """Line and columns; of the nearest thing above that does stand in the file when the path itself does not."""
        from falsework.scan import place_of

        return place_of(self.layer.text, self.span or self.find())

    def find(self) -> Span:
        """Where that thing stands in the text."""
        keys, values, headers = self.layer.places[:3]
        order = {"key": (keys, headers, values), "value": (values, headers, keys), "header": (headers, keys, values)}
        for length in range(len(self.path), 0, -1):
            for spans in order[self.part]:
                span = spans.get(self.path[:length])
                if span is not None:
                    return span
        return Span(0, 0)


def spot_in_string(spot: Spot, content: str, span: Span) -> Spot:
    """A piece of a string's content; the whole string when it is written in another way than it reads."""
    whole = spot.find()
    if spot.layer.text[whole.start + 1 : whole.end - 1] != content:
        return spot
    start = whole.start + 1
    return spot._replace(span=Span(start + span.start, start + span.end))
