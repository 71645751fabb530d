"""An object that was made in Python, as the settings that turn an experiment's file into it: saving by delta.

    settings_of("configs/22_wide_22.toml", run, load) -> ["optimizer.lr=0.02"], for falsework.child.new_child

Ties of the parent are kept where they lead to the object's values, and are overridden where they do not. What comes out
has been loaded and compared: it makes an equal object, or it is refused. Nothing is written here.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from falsework.config import Config
from falsework.diff import delta
from falsework.dump import flat
from falsework.layer import Tree
from falsework.paths import dotted
from falsework.places import Path as KeyPath
from falsework.plain import default_of
from falsework.problems import ConfigError, Problem
from falsework.reading import paths_read
from falsework.revisions import Load
from falsework.schema import field_at
from falsework.write import layer_text, spelled

MAX_ROUNDS = 4  # overriding one tie can only move what is tied to it in turn


def settings_of(parent_file: str, value: Any, load: Load) -> list[str]:
    """KEY=VALUE settings. Raises ConfigError when there are none that make an equal object, and for equal ones."""
    parent = load([parent_file])
    if parent.value == value:
        raise ConfigError([Problem("this is what the object is already: nothing to save", where=parent_file)])
    wanted = parent._replace(value=value)
    everything = delta(parent, wanted)
    for start in (_unasked(everything, parent, wanted, ()), everything):
        layer = _completed(parent_file, start, value, load)
        if layer is not None:
            return [f"{dotted(path)}={spelled(item)}" for path, item in flat(layer)]
    raise ConfigError([Problem("no settings turn this into an equal object", where=parent_file)])


def _completed(parent_file: str, layer: Tree, value: Any, load: Load) -> Tree | None:
    """The layer, with what has to be said besides so that it makes the value; None when that does not come out."""
    with TemporaryDirectory() as passing:
        file = Path(os.path.realpath(passing), "delta.toml")
        for _ in range(MAX_ROUNDS):
            file.write_text(layer_text({}, layer), encoding="utf-8", newline="")
            try:
                config = load([parent_file, str(file)])
            except ConfigError:
                return None
            if config.value == value:
                return layer
            layer = _laid_on(layer, delta(config, config._replace(value=value)))
    return None


def _unasked(layer: Tree, parent: Config, wanted: Config, path: KeyPath) -> Tree:
    """The layer without what may well follow by itself: defaults, and what the parent makes from other values."""
    kept: Tree = {}
    for key, value in layer.items():
        here = (*path, key)
        field = field_at(wanted.table, wanted.tree, here)
        is_default = field is not None and not field.is_required and default_of(field) == value
        below = _unasked(value, parent, wanted, here) if isinstance(value, dict) else value
        if not is_default and not paths_read(parent, here) and (below != {} or value == {}):
            kept[key] = below
    return kept


def _laid_on(layer: Tree, more: Tree) -> Tree:
    both = dict(layer)
    for key, value in more.items():
        below = both.get(key)
        both[key] = _laid_on(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return both
