"""machine.toml: what one machine says last, under every experiment. It lies in the configs folder, untracked.

It may only say where things are: fields of class `place`. So it can change no result, no speed and no comparison.
"""

from typing import TYPE_CHECKING

from falsework.layer import Layer, Spot, Tree
from falsework.layers import MACHINE_FILE
from falsework.paths import dotted
from falsework.places import Path
from falsework.problems import Problem
from falsework.schema import Table, class_at, field_at

if TYPE_CHECKING:
    from falsework.profiles import Expansion


def check_machine(layer: Layer, expansion: "Expansion", tree: Tree, root: Table) -> list[Problem]:
    """Everything in the layer that is no `place`, in the kinds that `tree` has once the layer lies on it."""
    problems = [Problem("a machine's own file stands alone", ("extends",), Spot(layer, ("extends",)))] * bool(
        layer.extends
    )
    for path in _said(expansion.values, ()):
        if field_at(root, tree, path[:1]) is None:
            continue  # reported by the key check
        field_class = class_at(root, tree, path)
        if field_class != "place":
            spot = Spot(layer, _source(expansion.moved, path), "key")
            what = f"a {field_class} field; {MACHINE_FILE} holds fields of class place alone"
            problems.append(Problem(what, path, spot, f"write {dotted(path)} into an experiment or a profile"))
    return problems


def _said(values: Tree, path: Path) -> list[Path]:
    from falsework.profiles import is_table  # few have a file that says something

    said = []
    for key, value in values.items():
        here = (*path, key)
        said += _said(value, here) if is_table(value) else [here]
    return said


def _source(moved: dict[Path, Path], path: Path) -> Path:
    """Where in the file a path was said that `_every` or `_when` has moved."""
    for length in range(len(path), 0, -1):
        if path[:length] in moved:
            return (*moved[path[:length]], *path[length:])
    return path
