"""Gives values that are read from others: ties (`_ref`), formulas (`_expr`) and derived fields, after all layers.

    add_derivations(filling, tree)      resolve(filling, tree) -> {path: Link}

Paths are absolute and name values, never tables. What a link reads may itself be read from elsewhere; a round of links
is an error that names every place. A derived field alone may read what an optional field leaves out, as None.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from falsework.defaults import Broken, Filling
from falsework.dump import flat
from falsework.layer import Spot, Tree, spot_in_string
from falsework.link import Derivation, Link
from falsework.origins import Default, origin_at, spot_name, spot_of_value
from falsework.paths import dotted, parse_dotted
from falsework.places import Path
from falsework.plain import plain_leaf
from falsework.problems import MAX_HELPED
from falsework.schema import field_at, value_at

if TYPE_CHECKING:
    from falsework.formulas import Formula


def derivations(derived: Mapping[str, tuple[Sequence[str], Callable[..., Any]]]) -> dict[Path, Derivation]:
    """`{"path.of.field": (("path.read", ...), function)}` with paths that have been read."""
    return {_path(key): Derivation(tuple(map(_path, reads)), function) for key, (reads, function) in derived.items()}


def add_derivations(filling: Filling, tree: Tree) -> None:
    """A link for every derived field that no layer sets, while the kinds in force have it and all that it reads."""
    for path, derivation in filling.derived.items():
        table, field = value_at(tree, path[:-1]), field_at(filling.root, tree, path)
        origin, _ = origin_at(filling.origins, path)
        if field is None or not isinstance(table, dict) or not isinstance(origin, Default | None):
            continue
        if all(field_at(filling.root, tree, read) for read in derivation.reads):
            filling.links.append(Link(path, derivation.reads, table, derivation))
        elif table.get(str(path[-1])) is Broken:
            from falsework.missing import refuse_missing  # only a mistake needs it, and so below

            refuse_missing(filling, path, field)


def resolve(filling: Filling, tree: Tree) -> dict[Path, Link]:
    """Put the values in place, each after what it reads. What cannot be read stays Broken, and is a problem."""
    waiting = {link.path: link for link in filling.links}
    links = dict(waiting)
    for path in links:
        chain = dict.fromkeys([path] if path in waiting else [])  # a list whose members are found at once
        while chain:
            link = waiting[next(reversed(chain))]
            following = next((read for read in link.reads if read in waiting), None)
            if following is None:
                _give(filling, tree, waiting.pop(chain.popitem()[0]))
            elif following in chain:
                names = list(chain)
                ring = names[names.index(following) :]
                _refuse_round(filling, [waiting.pop(part) for part in ring])
                for part in ring:
                    del chain[part]
            else:
                chain[following] = None
    return links


def _path(text: str) -> Path:
    path = parse_dotted(text)
    assert path is not None, f"{text} is no dotted path"
    return path


def _give(filling: Filling, tree: Tree, link: Link) -> None:
    """Compute the value from what the link reads, and hand it to its table."""
    values = [_value_at(tree, read) for read in link.reads]
    missing = [(read, value) for read, value in zip(link.reads, values, strict=True) if not _can_read(link, value)]
    for read, value in missing:
        _refuse_read(filling, tree, link, read, value)
    if missing or Broken in values:
        link.table[str(link.path[-1])] = Broken
        return
    try:
        value = values[0] if link.by is None else _computed(link.by, values)
    except ValueError as error:
        _refuse_result(filling, link, error)
    else:
        if value is not None:
            link.table[str(link.path[-1])] = value
        elif link.table.get(str(link.path[-1])) is Broken:
            field = field_at(filling.root, tree, link.path)
            assert field is not None, "what is derived is a field"
            from falsework.missing import refuse_missing

            refuse_missing(filling, link.path, field)


def _computed(by: "Formula | Derivation", values: list[Any]) -> Any:
    return plain_leaf(by.function(*values)) if isinstance(by, Derivation) else by.value(values)


def _can_read(link: Link, value: Any) -> bool:
    return not isinstance(value, dict) and (value is not None or isinstance(link.by, Derivation))


def _value_at(tree: Tree, path: Path) -> Any:
    """The value; None when there is none; Broken when it, or a table above it, has been reported."""
    broken = (Broken for length in range(len(path)) if value_at(tree, path[:length]) is Broken)
    return next(broken, value_at(tree, path))


def _spot(filling: Filling, link: Link) -> Spot:
    """What is to be shown: the formula's own text; of a tie, the whole of it."""
    spot = spot_of_value(filling.layers, filling.origins, link.path)
    if spot is None:
        return filling.header(link.path)
    return spot._replace(path=(*spot.path, "_expr")) if link.text else spot


def _refuse_round(filling: Filling, ring: list[Link]) -> None:
    named = []
    for link in ring:
        spot = spot_of_value(filling.layers, filling.origins, link.path)
        place = link.derived_at or (spot_name(spot) if spot else "")
        named.append(f"{dotted(link.path)} ({place})")
    what = f"values go round in a circle: {' -> '.join([*named, dotted(ring[0].path)])}"
    mend = "" if len(ring) > 1 else "what a base said here is replaced, and cannot be read: write the number"
    filling.refuse(ring[0].path, what, _spot(filling, ring[0]), mend)


def _refuse_result(filling: Filling, link: Link, error: ValueError) -> None:
    """A formula or a derivation has no value for what it reads."""
    from falsework.formulas import Wrong

    if isinstance(error, Wrong):
        filling.refuse(link.path, error.what, spot_in_string(_spot(filling, link), link.text, error.span), error.mend)
    else:
        filling.refuse(link.path, f"{error} (derived {link.note})", filling.header(link.path))


def _refuse_read(filling: Filling, tree: Tree, link: Link, read: Path, value: Any) -> None:
    spot, name = _spot(filling, link), dotted(read)
    if link.by is not None and not isinstance(link.by, Derivation):
        spot = spot_in_string(spot, link.text, link.by.span_of(read))
    if value is not None:
        filling.refuse(link.path, f"{name} is a table; only values can be read", spot)
        return
    field = field_at(filling.root, tree, read)
    if field is not None and field.is_optional:
        filling.refuse(
            link.path, f"{name} is optional, and nothing sets it", spot, f"set {name}, or write the value here"
        )
        return
    from falsework.hints import meant_path

    is_helped = len(filling.problems) < MAX_HELPED
    mend = meant_path(read, [path for path, _ in flat(tree)], filling.root) if is_helped else ""
    filling.refuse(link.path, f"there is no {name}", spot, mend)
