"""Lays a layer that only sets values, as most do, in one pass instead of the two of keys.py and merge.py.

    lay_plain(number, values, tree, origins, table) -> True, or False where more has to be said

A plain layer has no word of the language, no key that the schema does not know, no kind that changes, no table in the
place of a value. Nothing is reported here. After False the careful passes begin anew; that some values of the layer are
laid already changes nothing for them, as they lay the same ones, and a new table is put in place only when it is whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from falsework.layer import Tree, holds_no_table
from falsework.origins import Origins
from falsework.schema import Component, Leaf, Named, Table


def lay_plain(number: int, values: Tree, tree: Tree, origins: Origins, table: Table) -> bool:
    """Set values and origins in one table, and in all below it."""
    fields = table.fields
    if not tree and holds_no_table(values):
        is_known = values.keys() <= fields.keys()
        if is_known:
            tree.update(values)
            origins.update(dict.fromkeys(values, number))
        return is_known
    for key, value in values.items():
        field, below = fields.get(key), origins.get(key)
        if field is None:
            return False
        if type(value) is dict:
            if not _lay_below(number, key, value, tree, origins, field.shape):
                return False
        elif type(below) is dict:
            return False
        else:
            tree[key] = value
            origins[key] = number
    return True


def _lay_below(number: int, key: str, values: Tree, tree: Tree, origins: Origins, shape: Any) -> bool:
    lay = _LAY[type(shape)]
    below = origins.get(key)
    if type(below) is dict:
        return lay(number, values, tree[key], below, shape)
    new_tree: Tree = {}
    new_origins: Origins = {}
    if below is not None or not lay(number, values, new_tree, new_origins, shape):
        return False
    tree[key], origins[key] = new_tree, new_origins
    return True


def _lay_component(number: int, values: Tree, tree: Tree, origins: Origins, component: Component) -> bool:
    kind = values.get("kind", tree.get("kind"))
    if type(kind) is not str or kind not in component.kinds or tree.get("kind", kind) != kind:
        return False
    own = {key: value for key, value in values.items() if key != "kind"}
    if not lay_plain(number, own, tree, origins, component.kinds[kind]):
        return False
    if "kind" in values:
        tree["kind"], origins["kind"] = kind, number
    return True


def _lay_named(number: int, values: Tree, tree: Tree, origins: Origins, named: Named) -> bool:
    for name, value in values.items():
        if type(value) is not dict or name.startswith("_") or name == "kind":
            return False
        if not _lay_below(number, name, value, tree, origins, named.item):
            return False
    return True


def _refuse(*_: Any) -> bool:
    return False


_LAY: dict[type, Callable[[int, Tree, Tree, Origins, Any], bool]] = {
    Table: lay_plain,
    Component: _lay_component,
    Named: _lay_named,
    Leaf: _refuse,
}
