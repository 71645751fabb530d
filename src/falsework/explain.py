"""How a config came to be, in words: one value with everything that happened to it, one table, or all values.

    explain(config, "optimizer.lr") -> Explanation          text_of(explanation) -> what tools/explain prints

It only asks what other modules know: story.py what layers did, reading.py what ties read, the schema what a field is.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple, get_args, get_origin

from falsework.config import Config
from falsework.diff import finite
from falsework.dump import flat
from falsework.hints import meant_path
from falsework.layer import Spot, Tree
from falsework.origins import spot_name
from falsework.paths import dotted, parse_dotted
from falsework.places import Path
from falsework.plain import default_of
from falsework.problems import ConfigError, Problem
from falsework.reading import paths_read, readers_of
from falsework.report import visible
from falsework.schema import Field, Leaf, field_at, value_at
from falsework.story import Event
from falsework.write import spelled

_MAX_VALUE = 72  # characters of a value in a table of all values
_MAX_PATH = 40  # columns; a longer path pushes its row, not the table


Quantity = tuple[str, int, str, str]  # name, value, unit, how it comes about


class Row(NamedTuple):
    """One value with its place; `reads` are the paths that it was made from."""

    path: Path
    value: Any
    place: str
    reads: tuple[Path, ...]


class Explanation(NamedTuple):
    """One value (None: nothing sets it) or one table: its field, its story, and what it has to do with other values."""

    path: Path
    value: Any
    field: Field | None
    derived_from: tuple[Path, ...]  # what the value follows from while no layer sets it
    events: list[Event]
    reads: list[Row]
    readers: list[Path]
    below: list[Row]  # of a table, all its values


def rows_of(config: Config, path: Path = ()) -> list[Row]:
    """Every value at or below the path, in the order of the schema."""
    below = value_at(config.tree, path)
    return [_row(config, leaf) for leaf, _ in flat(below, path)] if isinstance(below, dict) else []


def explain(config: Config, key: str) -> Explanation:
    """What there is to say about a dotted key. Raises ConfigError for one that no config of these kinds can have."""
    path = parse_dotted(key) or ()
    value = value_at(config.tree, path) if path else None
    field = field_at(config.table, config.tree, path)
    above = [value_at(config.tree, path[:length]) for length in range(1, len(path))]
    is_possible = path and all(table is None or isinstance(table, dict) for table in above)
    events = _told(config, path, config.story(key)) if is_possible else []
    if value is None and field is None and not events:
        raise ConfigError([_unknown(config, key, path)])
    derivation = config.derivations.get(path)
    return Explanation(
        path=path,
        value=value,
        field=field,
        derived_from=derivation.reads if derivation else (),
        events=events,
        reads=[_row(config, read) for read in paths_read(config, path)],
        readers=readers_of(config, path),
        below=rows_of(config, path),
    )


def text_of(explanation: Explanation) -> str:
    """For people: the value, what it means, what happened in order, what it is tied to."""
    path, value = dotted(explanation.path), explanation.value
    is_table = isinstance(value, dict) and bool(value)
    head = f"[{path}]" if is_table else f"{path} = {spelled(value)}" if value is not None else f"{path} is not set"
    lines = [head, *(f"  {line}" for line in _about(explanation.field, explanation.derived_from))]
    lines += _columns(
        [("  " + event.word, event.place, spelled(event.value), event.note) for event in explanation.events]
    )
    lines += [f"  reads    {dotted(row.path)} = {spelled(row.value)}  {row.place}" for row in explanation.reads]
    lines += [f"  read by  {dotted(reader)}" for reader in explanation.readers]
    return visible("\n".join([*lines, *(f"  {line}" for line in table_of(explanation.below))]), keep="\n") + "\n"


def whole_text(config: Config, quantities: Sequence[Quantity]) -> str:
    """Every value with its place, then what the run amounts to."""
    cells = [(name, f"{value:,}", unit, how) for name, value, unit, how in quantities]
    head = [config.name, *([config.why] if config.why else []), ""]
    return "\n".join([*map(visible, head), *table_of(rows_of(config)), "", *_columns(cells, numbers=1)]) + "\n"


def whole_json(config: Config, quantities: Sequence[Quantity]) -> Tree:
    """The same as plain data."""
    files = [layer.name for layer in config.files]
    values = [json_row(row) for row in rows_of(config)]
    run = {name: {"value": value, "unit": unit, "how": how} for name, value, unit, how in quantities}
    return {"name": config.name, "why": config.why, "files": files, "values": values, "run": run}


def json_of(explanation: Explanation) -> Tree:
    """The same as plain data."""
    field = explanation.field
    return {
        "path": dotted(explanation.path),
        "value": finite(explanation.value),
        "doc": field.attribute.metadata.get("doc") if field else None,
        "derived_from": [dotted(read) for read in explanation.derived_from],
        "class": field.attribute.metadata.get("class") if field else None,
        "story": [event._replace(value=finite(event.value))._asdict() for event in explanation.events],
        "reads": [dotted(row.path) for row in explanation.reads],
        "read_by": [dotted(reader) for reader in explanation.readers],
        "below": [json_row(row) for row in explanation.below],
    }


def json_row(row: Row) -> Tree:
    """One value of a table as plain data."""
    reads = [dotted(read) for read in row.reads]
    return {"path": dotted(row.path), "value": finite(row.value), "place": row.place, "reads": reads}


def table_of(rows: Sequence[Row]) -> list[str]:
    """Aligned lines: path, value, place, and what a value was made from."""
    cells = []
    for row in rows:
        value = spelled(row.value)
        cut = value if len(value) <= _MAX_VALUE else value[: _MAX_VALUE - 1] + "…"
        reads = f"reads {', '.join(map(dotted, row.reads))}" if row.reads else ""
        cells.append((dotted(row.path), cut, row.place, reads))
    return [visible(line) for line in _columns(cells)]


def _row(config: Config, path: Path) -> Row:
    return Row(path, value_at(config.tree, path), config.origin(path), paths_read(config, path))


def _told(config: Config, path: Path, events: Sequence[Event]) -> list[Event]:
    """The story with what came of each step: a value that a later one replaced was overridden; a profile applied."""
    profiles = _profile_places(config, path)
    applied = {event.place for event in events if event.word == "set"}
    ties = {event.place for event in events if event.word in ("tied", "computed")}
    told = []
    for number, event in enumerate(events):
        later = next((after.word for after in events[number + 1 :] if after.word != "not applied"), "")
        if event.word == "set" and later == "set":
            told.append(event._replace(word="overridden", note=profiles.get(event.place, "")))
        elif event.word == "set" and event.place not in ties:
            told.append(event._replace(note=profiles.get(event.place, "")))
        elif event.word == "not applied" and event.place in applied:
            continue  # to another table of an `_every`, but to this one it did
        elif event.word != "set":
            told.append(event)
    return told


def _profile_places(config: Config, path: Path) -> dict[str, str]:
    """The places where a `_when` or `_every` speaks of this key, and why it applies where it does."""
    places = {}
    for layer in config.files:
        for source in layer.places.values if "_when" in layer.text or "_every" in layer.text else ():
            words = [part for part in source if part in ("_when", "_every")]
            if words and source[-1] == path[-1]:
                kinds = [f"kind is {kind}" for word, kind in pairwise(source) if word == "_when"]
                every = ["for every table"] if "_every" in words else []
                places[spot_name(Spot(layer, source, "value"))] = "applied: " + ", ".join(every + kinds)
    return places


def _unknown(config: Config, key: str, path: Path) -> Problem:
    """Nothing is called like this; what is."""
    if not path or key.endswith(".toml"):
        mend = "a layer is joined to its file: FILE+LAYER" if key.endswith(".toml") else "for example optimizer.lr"
        return Problem(f"{visible(repr(key))} is no dotted path", where=config.name, help=mend)
    mend = meant_path(path, list(_paths(config.tree, ())), config.table)
    return Problem(f"there is no {key}", where=config.name, help=mend)


def _about(field: Field | None, derived_from: tuple[Path, ...]) -> Iterator[str]:
    """What the schema says of a field: its line of documentation, its class, its default."""
    if field is None:
        return
    metadata = field.attribute.metadata
    if metadata.get("doc"):
        yield metadata["doc"]
    default = default_of(field) if isinstance(field.shape, Leaf) else None
    may = (
        f"derived from {', '.join(map(dotted, derived_from))} unless set"
        if derived_from
        else ("required" if field.is_required else "optional" if default is None else f"default {spelled(default)}")
    )
    if isinstance(field.shape, Leaf):
        yield f"{type_name(field.shape.type)}, {may}" + (f", {metadata['class']}" if "class" in metadata else "")


def type_name(annotation: Any) -> str:
    """A type as people write it: `int`, `tuple[str, ...]`, `"auto" or "cpu"`."""
    if get_origin(annotation) is Literal:
        return " or ".join(spelled(option) for option in get_args(annotation))
    return annotation.__name__ if type(annotation) is type else str(annotation)


def _columns(rows: Sequence[tuple[str, ...]], numbers: int = -1) -> list[str]:
    """Lines with aligned columns, the one of `numbers` to the right; what is too wide pushes its own row only."""
    columns = zip(*rows, strict=True)
    widths = [max((len(cell) for cell in column if len(cell) <= _MAX_PATH), default=0) for column in columns]
    signs = [">" if column == numbers else "<" for column in range(len(widths))]
    return [
        "  ".join(f"{cell:{sign}{width}}" for cell, sign, width in zip(row, signs, widths, strict=True)).rstrip()
        for row in rows
    ]


def _paths(tree: Tree, path: Path) -> Iterator[Path]:
    for key, value in tree.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from _paths(value, (*path, key))
