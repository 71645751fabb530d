"""Configs that were loaded from a passing folder, under the names that their files have for the user.

The loader reads regular files only. What lies in another git revision, or is not written yet, is laid out in a folder
that is gone afterwards; its name must not be seen in places and errors.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from falsework.config import Config
from falsework.layer import Layer
from falsework.layers import Stack
from falsework.problems import ConfigError, Problem

Names = Mapping[str, str]  # the beginning of a path as the loader shows it -> what the user calls it


@contextmanager
def relabelled(names: Names) -> Iterator[None]:
    """Errors of the loads inside carry the user's names."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(_problem(problem, names) for problem in error.problems) from None


def relabel(config: Config, names: Names, *, name: str) -> Config:
    """The same config with its layers renamed, and itself called `name`."""
    layers = tuple(_layer(layer, names) for layer in config.files)
    stack = Stack(layers, config.stack.num_own, name)
    upgrades = tuple(
        upgrade._replace(spot=upgrade.spot._replace(layer=_layer(upgrade.spot.layer, names)) if upgrade.spot else None)
        for upgrade in config.upgrades
    )
    merged = copy.copy(config.merged)
    merged.layers = list(layers)
    return config._replace(stack=stack, merged=merged, upgrades=upgrades)


def _problem(problem: Problem, names: Names) -> Problem:
    spot = problem.spot._replace(layer=_layer(problem.spot.layer, names)) if problem.spot else None
    what, mend, where = (_text(text, names) for text in (problem.what, problem.help, problem.where))
    return problem._replace(what=what, help=mend, where=where, spot=spot)


def _layer(layer: Layer, names: Names) -> Layer:
    return layer._replace(name=_text(layer.name, names))


def _text(text: str, names: Names) -> str:
    for name, shown in names.items():
        text = text.replace(name, shown)
    return text
