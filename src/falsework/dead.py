"""Lines of an experiment that change nothing, because its bases say the same already."""

from collections.abc import Iterator
from typing import Any

from falsework.config import Config
from falsework.layer import Spot, Tree
from falsework.laying import Merged
from falsework.merge import lay_on
from falsework.origins import spot_name, spot_of_value
from falsework.places import Path
from falsework.profiles import expand, is_table
from falsework.schema import value_at


def dead_overrides(config: Config) -> Iterator[tuple[Path, Spot, str]]:
    """Each such value of the experiment file: its path, its spot, and the place of the base that says it.

    `kind` is left alone: it says what the keys below it mean. So are defaults: a file may pin one.
    """
    layers = config.files
    number = layers.index(config.stack.experiment)
    merged = Merged(layers)
    for earlier, layer in enumerate(layers[:number]):
        lay_on(merged, earlier, expand(layer.values, merged.tree))
    experiment = layers[number]
    for path, value in _own_values(experiment.values, merged.tree, ()):
        spot = spot_of_value(layers, merged.origins, path)
        if spot is not None and repr(value_at(merged.tree, path)) == repr(value):
            yield path, Spot(experiment, path, "value"), spot_name(spot)


def _own_values(values: Tree, below: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """What the file says in plain tables; a table of another kind than before starts anew."""
    below = below if is_table(below) else {}
    if values.get("kind", below.get("kind")) != below.get("kind"):
        return
    for key, value in values.items():
        if is_table(value):
            yield from _own_values(value, below.get(key), (*path, key)) if not key.startswith("_") else ()
        elif key != "kind":
            yield (*path, key), value
