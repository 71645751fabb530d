"""What `load` returns: the frozen object, and everything one may ask about how it came to be.

All questions are answered when asked, from the layers as they were read; a config itself never changes.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from falsework.dump import fingerprint, flat, to_toml
from falsework.layer import ItselfAlone, Layer, Tree
from falsework.layers import Stack
from falsework.laying import Merged
from falsework.origins import Default, Pinned, default_place, origin_at, spot_name, spot_of_table, spot_of_value
from falsework.paths import dotted, parse_dotted
from falsework.places import Path
from falsework.plain import default_of, plain
from falsework.schema import FIELD_CLASSES, Table, class_at, field_at, value_at

if TYPE_CHECKING:
    from falsework.link import Derivation, Link
    from falsework.story import Event
    from falsework.upgrade import Upgrade


class _Loaded(NamedTuple):
    """What a Config holds. It is a tuple because making an attrs class takes half a millisecond of every start."""

    value: Any
    schema_version: int
    table: Table
    stack: Stack
    merged: Merged
    links: "dict[Path, Link]"  # values that are read from others, by path
    derivations: "Mapping[Path, Derivation]"  # how fields follow from others while no layer sets them
    upgrades: "tuple[Upgrade, ...]" = ()  # what was done for files of an older schema; str() of one is a line


class Config(ItselfAlone, _Loaded):
    """A loaded config. `value` is the object of the root class; the rest tells its story."""

    def __repr__(self) -> str:
        return f"Config({self.name}, {self.value!r})"

    @property
    def name(self) -> str:
        """The files' names: `22_lr_001_23+cpu_debug`; of a run directory, its own."""
        return self.stack.name

    @property
    def why(self) -> str:
        """The experiment's `why`."""
        return self.stack.why

    @property
    def files(self) -> tuple[Layer, ...]:
        """Every layer, in order of application: its `name`, and its `data` as bytes."""
        return self.stack.layers

    @cached_property
    def tree(self) -> Tree:
        """The resolved config as plain data: defaults filled in, kinds written, no directives, None left out."""
        resolved = plain(self.value, self.table)
        assert isinstance(resolved, dict), "the root is a table"
        return resolved

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the resolved config; equal for equal values, whatever files they came from."""
        return fingerprint(self.tree)

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """One for each class of fields: of two configs with the same `science`, one repeats the other."""
        classed: dict[str, Tree] = {name: {} for name in FIELD_CLASSES}
        for path, value in flat(self.tree):
            classed[self.class_of(path)][dotted(path)] = value
        return {name: fingerprint(values) for name, values in classed.items()}

    def class_of(self, path: Path) -> str:
        """`science`, `speed` or `place`: what the value at a path changes."""
        return class_at(self.table, self.tree, path)

    def toml(self) -> str:
        """The resolved config as TOML without directives; it loads to an equal object."""
        return to_toml(self.tree, schema_version=self.schema_version, why=self.why)

    def flat(self) -> dict[str, Any]:
        """Every value by its dotted path."""
        return {dotted(path): value for path, value in flat(self.tree)}

    def origins(self) -> dict[str, str]:
        """The place of every value by its dotted path: `file:line:col`, `default file:line`, `derived file:line`."""
        return {dotted(path): self.origin(path) for path, _ in flat(self.tree)}

    def origin(self, path: Path) -> str:
        """The place of one value; of an empty table, the place that makes it."""
        link = self.links.get(path)
        place = link.derived_at if link is not None else None
        if place is not None:
            return place
        spot = spot_of_value(self.files, self.merged.origins, path)
        if spot is not None:
            return spot_name(spot)
        origin, key_path = origin_at(self.merged.origins, path)
        match origin:
            case Default():
                return default_place(self._default_below(origin, path))
            case Pinned():
                return f"default of schema {origin.schema_version}"
            case _ if key_path != path:  # an element that a joined list has from its default
                return self._default_of_list(key_path)
        return spot_name(spot_of_table(self.files, self.merged.origins, path, self.stack.experiment))

    def story(self, key: str) -> "list[Event]":
        """All that happened to the value at a dotted path: set, dropped, tied, computed, derived, pinned, default."""
        from falsework.story import Event, written  # only explaining needs it

        path = parse_dotted(key) or ()
        events = written(self.files, path)
        value = value_at(self.tree, path)
        origin, _ = origin_at(self.merged.origins, path)
        if path in self.links:
            events.append(Event(self.links[path].word, self.origin(path), value, self.links[path].note))
        elif value is not None and isinstance(origin, Default | Pinned):
            events.append(Event("default" if isinstance(origin, Default) else "pinned", self.origin(path), value))
        return events

    def _default_of_list(self, path: Path) -> str:
        field = field_at(self.table, self.tree, path)
        assert field is not None, "a list is a field"
        return default_place(Default(field.owner, field.name))

    def _default_below(self, default: Default, path: Path) -> Default:
        """A default object's values are written in its own class, unless the field that holds it says otherwise."""
        field = field_at(self.table, self.tree, path)
        if field is None or field.is_required or default_of(field) != value_at(self.tree, path):
            return default
        return Default(field.owner, field.name)
