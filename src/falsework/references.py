"""Value tying: gives every `{ _ref = "data.seq_len" }` the value of the path it names, defaults included.

    tie(filling, tree, ties) -> {path: target path}

Paths are absolute; a tie may name another tie; a round of ties is an error that names every place. A tie may not name
a table, and not what an optional field leaves out.
"""

from typing import Any

from falsework.defaults import Broken, Filling, Tie
from falsework.layer import Tree
from falsework.origins import spot_name, spot_of_value
from falsework.paths import dotted, parse_dotted
from falsework.places import Path
from falsework.problems import nearest
from falsework.schema import field_at, value_at


def tie(filling: Filling, tree: Tree) -> dict[Path, Path]:
    """Put the values in place. What cannot be tied stays Broken, and is a problem."""
    waiting = {tie.path: tie for tie in filling.ties}
    targets: dict[Path, Path] = {}
    while waiting:
        _resolve(filling, tree, waiting, next(iter(waiting)), targets)
    return targets


def _resolve(filling: Filling, tree: Tree, waiting: dict[Path, Tie], first: Path, targets: dict[Path, Path]) -> None:
    """Follow the chain from one tie to a value, then hand the value back along it."""
    chain: list[Tie] = []
    path = first
    while path in waiting:
        found = waiting.pop(path)
        chain.append(found)
        target = parse_dotted(found.target)
        if target is None:
            return  # reported by the key check
        targets[path] = path = target
    if path in [link.path for link in chain]:
        _refuse_round(filling, chain, path)
        return
    value = _value_at(tree, path)
    if value is None or isinstance(value, dict):
        _refuse_target(filling, tree, chain[-1], path, value)
    else:
        for link in chain:
            link.table[str(link.path[-1])] = value


def _value_at(tree: Tree, path: Path) -> Any:
    """The value; None when there is none; Broken when it, or a table above it, has been reported."""
    broken = (Broken for length in range(len(path)) if value_at(tree, path[:length]) is Broken)
    return next(broken, value_at(tree, path))


def _refuse_round(filling: Filling, chain: list[Tie], path: Path) -> None:
    ring = chain[[link.path for link in chain].index(path) :]
    named = []
    for link in ring:
        spot = spot_of_value(filling.layers, filling.origins, link.path)
        named.append(f"{dotted(link.path)} ({spot_name(spot)})" if spot else dotted(link.path))
    what = f"ties go round in a circle: {' -> '.join([*named, dotted(path)])}"
    filling.refuse(ring[0].path, what, spot_of_value(filling.layers, filling.origins, ring[0].path))


def _refuse_target(filling: Filling, tree: Tree, link: Tie, target: Path, value: Tree | None) -> None:
    spot = spot_of_value(filling.layers, filling.origins, link.path)
    name = dotted(target)
    if value is not None:
        filling.refuse(link.path, f"{name} is a table; tie its values one by one", spot)
        return
    field = field_at(filling.root, tree, target)
    if field is not None and field.is_optional:
        mend = f"set {name}, or write the value here"
        filling.refuse(link.path, f"{name} is optional, and nothing sets it", spot, mend)
        return
    near = nearest(name, _paths(tree, ()))
    filling.refuse(link.path, f"there is no {name}", spot, f"did you mean {near}?" if near else "")


def _paths(tree: Tree, path: Path) -> list[str]:
    found = []
    for name, value in tree.items():
        below = (*path, name)
        found += _paths(value, below) if isinstance(value, dict) else [dotted(below)]
    return found
