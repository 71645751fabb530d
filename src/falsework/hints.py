"""Where a key that is not known here might belong: a near name, another kind, another table. Only errors ask."""

from collections.abc import Iterator

from falsework.problems import nearest
from falsework.schema import Component, Leaf, Named, Shape, Table, fields_of

_SURELY_MEANT = 0.8  # difflib ratio of hedas and heads; above it a typo is likelier than a key in the wrong table
_MAX_LISTED = 16


def help_for_key(key: str, shape: Table | Component, kind: object, root: Table) -> str:
    """The most likely mend for an unknown key: a typo, a key of another kind, a key of another table."""
    names = list(fields_of(shape, kind)) + (["kind"] if isinstance(shape, Component) else [])
    near = nearest(key, names, cutoff=_SURELY_MEANT)
    if near is None and isinstance(shape, Component):
        owners = [name for name, table in shape.kinds.items() if key in table.fields]
        if owners:
            return f"{key} is a key of kind {' or '.join(owners)}; the kind here is {kind}"
    homes = [] if near else sorted(set(_homes(root, key, "")))
    if homes and len(homes) <= 4:
        return f"{key} belongs to {' or '.join(homes)}"
    near = near or nearest(key, names)
    if near:
        return f"did you mean {near}?"
    return f"this table takes {', '.join(names)}" if len(names) <= _MAX_LISTED else ""


def _homes(shape: Shape, key: str, path: str) -> Iterator[str]:
    match shape:
        case Table():
            for name, field in shape.fields.items():
                below = f"{path}.{name}" if path else name
                if name == key:
                    yield below
                yield from _homes(field.shape, key, below)
        case Component():
            for table in shape.kinds.values():
                yield from _homes(table, key, path)
        case Named():
            yield from _homes(shape.item, key, f"{path}.NAME")
        case Leaf():
            pass
