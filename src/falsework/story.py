"""Everything that happened to one value, in order, found by laying the layers on each other once more.

optimizer.lr:
    set      configs/20_base.toml:10:6    0.0003
    dropped  configs/22_muon_23.toml:7:8  0.0003  kind = "muon"
    set      configs/22_muon_23.toml:8:6  0.02
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from falsework.layer import Layer, Spot
from falsework.laying import Merged
from falsework.merge import Dropped, lay_on
from falsework.origins import Written, origin_at, spot_name
from falsework.paths import dotted
from falsework.places import Path
from falsework.profiles import expand
from falsework.schema import value_at


class Event(NamedTuple):
    """One step: `set` (or set again), `dropped`, `tied`, `default`, `not applied`; where; the value; what says so."""

    word: str
    place: str
    value: Any
    note: str = ""


def written(layers: tuple[Layer, ...], path: Path) -> list[Event]:
    """What the layers say about the value at `path`, weakest first."""
    merged = Merged(layers)
    events: list[Event] = []
    for number, layer in enumerate(layers):
        num_dropped = len(merged.dropped)
        expansion = expand(layer.values, merged.tree)
        lay_on(merged, number, expansion)
        events += _dropped(merged, merged.dropped[num_dropped:], path)
        origin, key_path = origin_at(merged.origins, path)
        if isinstance(origin, Written) and origin.layer == number:
            place = spot_name(Spot(layer, (*origin.table, key_path[-1]), "value"))
            events.append(Event("set", place, value_at(merged.tree, path)))
        events += _not_applied(layer, expansion.skipped, path)
    return events


def _dropped(merged: Merged, dropped: list[Dropped], path: Path) -> Iterator[Event]:
    for drop in dropped:
        below = path[len(drop.path) :]
        value = value_at(drop.value, below) if below else drop.value
        if path[: len(drop.path)] == drop.path and value is not None:
            layer = merged.layers[drop.by.layer]
            key = (*drop.by.table, drop.word)
            said = value_at(layer.values, key)
            note = f'kind = "{said}"' if drop.word == "kind" else f"{dotted(drop.path)}: _unset"
            yield Event("dropped", spot_name(Spot(layer, key, "value")), value, note)


def _not_applied(layer: Layer, skipped: Iterable[tuple[Path, str | None]], path: Path) -> Iterator[Event]:
    """Bodies of `_when` that would have said something about `path`, had its table been of their kind."""
    bodies = ((*when, kind) for when, in_force in skipped for kind in value_at(layer.values, when) if kind != in_force)
    for body in dict.fromkeys(bodies):
        table = _without_when(body)
        said = value_at(layer.values, (*body, *path[len(table) :]))
        if said is not None and _covers(table, path):
            place = spot_name(Spot(layer, (*body, *path[len(table) :]), "value"))
            yield Event("not applied", place, said, f"only for kind {body[-1]}")


def _without_when(body: Path) -> Path:
    """`model._when.gpt` -> `model`."""
    return tuple(part for before, part in zip(("", *body), body, strict=False) if "_when" not in (before, part))


def _covers(table: Path, path: Path) -> bool:
    """Whether `path` lies below `table`, in which `_every` stands for any name."""
    return len(table) < len(path) and all(own in ("_every", part) for own, part in zip(table, path, strict=False))
