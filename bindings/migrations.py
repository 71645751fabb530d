"""What changed in the schema, version by version, so that a config of any age still means what it meant.

    MIGRATIONS = {2: (Renamed("optimizer.beta", "optimizer.beta1"), DefaultChanged("train.clip_norm", was=1.0))}

The key is the version that brought the change; version 1 was the first. A path may name a kind, `optimizer<muon>.lr`,
and any named table, `eval.*.stride`. falsework reads these by the names of their classes and fields, and upgrades old
files in memory before they are checked; `tools/upgrade` rewrites them. `tools/schema --check` fails when the schema
differs from bindings/schema.lock.toml without a new version and a step for each change here.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Renamed(NamedTuple):
    """A key or a table has another name or place now. From an old file it goes along with what it holds."""

    old: str
    new: str


class Removed(NamedTuple):
    """A key is gone. `was` is the value that the code now always has; None if the key had no effect at all.

    A kind can go too, `Removed("schedule<wsd>")`: an old file that says it is an error at its place.
    """

    path: str
    was: Any = None


class Added(NamedTuple):
    """A key is new, and what is done without it was `before`, which old files get. None: its default does the same."""

    path: str
    before: Any = None


class DefaultChanged(NamedTuple):
    """A default is another now. Old files that left the key out get what it `was`."""

    path: str
    was: Any


class ValueMapped(NamedTuple):
    """Values are written in another way now, `kind` included: {old: new}. Others stay as they are."""

    path: str
    values: Mapping[Any, Any]


Step = Renamed | Removed | Added | DefaultChanged | ValueMapped

MIGRATIONS: dict[int, tuple[Step, ...]] = {
    2: (
        Added("init"),
        Added("average"),
        Added("compile"),
        Added("activations"),
        Added("optimizer.fused"),
        Added("train.prefetch_steps"),
        Added("train.dry_run"),
        Added("profile"),
        Added("model.vocab_size"),
        Added("train.keep_every_steps"),
        Added("train.keep_lowest"),
        Added("train.keep_highest"),
        Added("train.non_finite"),
        Added("train.deterministic"),
        Added("train.start_timeout_seconds"),
        Added("train.timeout_seconds"),
        Added("log.mirror"),
    ),
}
