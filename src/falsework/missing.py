"""What no layer says and somebody has to, and what some layer says to a table that has no such key in the end."""

from collections.abc import Sequence

from falsework.defaults import Filling
from falsework.hints import help_for_key
from falsework.layer import Layer, Spot, Tree
from falsework.origins import spot_name, spot_of_value
from falsework.paths import dotted, quoted
from falsework.places import Path
from falsework.problems import MAX_HELPED
from falsework.schema import Component, Field, Leaf, Table, value_at


def refuse_missing(filling: Filling, path: Path, field: Field) -> None:
    """Nothing gives the value at `path`, which has to be there."""
    unset = _unset_at(filling.layers, path)
    what = f"required, and taken back at {spot_name(unset)}" if unset else "required, and no file sets it"
    dropped = next((Spot(layer, path, "value") for layer in filling.layers if value_at(layer.values, path)), None)
    if dropped is not None and unset is None and isinstance(field.shape, Leaf):
        what, mend = "required, and no file sets it for this kind", f"{spot_name(dropped)} did, for another kind"
    elif isinstance(field.shape, Leaf):
        doc = " ".join(field.attribute.metadata.get("doc", "").split())
        mend = f"write {path[-1]} = VALUE ({doc})" if doc else ""
    elif isinstance(field.shape, Component):
        mend = f"write [{dotted(path)}] with kind = {' or '.join(map(quoted, field.shape.kinds))}"
    else:
        mend = f"write [{dotted(path)}]"
    is_start = len(path) == 1 and not any(layer.extends for layer in filling.layers)
    filling.refuse(
        path, what, filling.header(path[:-1]), mend + ", or extend a file that does" * (is_start and bool(mend))
    )


def _unset_at(layers: Sequence[Layer], path: Path) -> Spot | None:
    """Where the last layer that says anything of it takes it back, or a table above it."""
    for layer in reversed(layers):
        for length in range(1, len(path) + 1):
            if value_at(layer.values, path[:length]) == {"_unset": True}:
                return Spot(layer, path[:length])
        if value_at(layer.values, path) is not None:
            return None
    return None


def refuse_no_kind(filling: Filling, path: Path, shape: Component) -> None:
    """A table that has to say what it is, and does not."""
    mend = f"write kind = {' or '.join(quoted(name) for name in shape.kinds)}"
    filling.refuse((*path, "kind"), "required: it says what this table is", filling.header(path), mend)


def refuse_unknown(filling: Filling, table: Tree, shape: Table, path: Path) -> None:
    """Keys that were right while the kind was unknown, or for other tables of an `_every`, but are not in the end."""
    kind = table.get("kind")
    if len(filling.problems) >= MAX_HELPED:
        return  # enough has been said, and each table would look through all of it
    reported = {(id(problem.spot.layer), problem.spot.path) for problem in filling.problems if problem.spot}
    for name in table:
        if name in shape.fields or name == "kind":
            continue
        spot = spot_of_value(filling.layers, filling.origins, (*path, name)) or filling.header((*path, name))
        if (id(spot.layer), spot.path) in reported:
            continue
        what = f"unknown key for kind {kind}" if kind else "unknown key"
        mend = help_for_key(name, table[name], shape, None, filling.root)
        if "_every" in spot.path and "_when" not in spot.path:
            mend = f"for the kinds that have it: [{dotted(spot.path[:-1])}._when.KIND]"
        filling.refuse((*path, name), what, spot._replace(part="key"), mend)
