"""What `load` returns: the frozen object, and everything one may ask about how it came to be.

All questions are answered when asked, from the layers as they were read; a config itself never changes.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from falsework.defaults import default_of, plain
from falsework.dump import fingerprint, flat, to_toml
from falsework.layer import Layer, Spot, Tree
from falsework.layers import Stack
from falsework.merge import Merged
from falsework.origins import Default, Written, default_place, origin_at, spot_name, spot_of_table
from falsework.paths import dotted, parse_dotted
from falsework.places import Path
from falsework.schema import Table, field_at, value_at

if TYPE_CHECKING:
    from falsework.story import Event


@frozen(kw_only=True, eq=False, slots=False)  # a dict per instance is what cached_property writes to
class Config:
    """A loaded config. `value` is the object of the root class; the rest tells its story."""

    value: Any
    schema_version: int
    table: Table = field(repr=False)
    stack: Stack = field(repr=False)
    merged: Merged = field(repr=False)
    ties: dict[Path, Path] = field(repr=False)

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

    def toml(self) -> str:
        """The resolved config as TOML without directives; it loads to an equal object."""
        return to_toml(self.tree, schema_version=self.schema_version, why=self.why)

    def flat(self) -> dict[str, Any]:
        """Every value by its dotted path."""
        return {dotted(path): value for path, value in flat(self.tree)}

    def origins(self) -> dict[str, str]:
        """The place of every value, `file:line:col` or `default file:line`, by its dotted path."""
        return {dotted(path): self.origin(path) for path, _ in flat(self.tree)}

    def origin(self, path: Path) -> str:
        """The place of one value; of an empty table, the place that makes it."""
        origin, key_path = origin_at(self.merged.origins, path)
        if isinstance(origin, Written):
            return spot_name(Spot(self.files[origin.layer], (*origin.table, key_path[-1]), "value"))
        if origin is None:
            return spot_name(spot_of_table(self.files, self.merged.origins, path, self.stack.experiment))
        return default_place(self._default_below(origin, path))

    def story(self, key: str) -> "list[Event]":
        """All that happened to the value at a dotted path: set, dropped, tied, default."""
        from falsework.story import Event, written  # only explaining needs it

        path = parse_dotted(key) or ()
        events = written(self.files, path)
        value = value_at(self.tree, path)
        if path in self.ties:
            events.append(Event("tied", self.origin(path), value, f"to {dotted(self.ties[path])}"))
        elif value is not None and isinstance(origin_at(self.merged.origins, path)[0], Default):
            events.append(Event("default", self.origin(path), value))
        return events

    def _default_below(self, default: Default, path: Path) -> Default:
        """A default object's values are written in its own class, unless the field that holds it says otherwise."""
        field = field_at(self.table, self.tree, path)
        if field is None or field.is_required or default_of(field) != value_at(self.tree, path):
            return default
        return Default(field.owner, field.name)
