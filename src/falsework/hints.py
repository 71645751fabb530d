"""What an unknown key or path might be: a near name, of another kind, table or project. Only errors ask."""

from collections.abc import Iterator, Sequence
from typing import Any

from falsework.paths import dotted, quoted
from falsework.places import Path
from falsework.report import nearest
from falsework.schema import Component, Leaf, Named, Shape, Table, fields_of

_SURELY_MEANT = 0.8  # difflib ratio of hedas and heads; above it a typo is likelier than a key in the wrong table
_MAX_LISTED = 16
_MAX_HOMES = 4  # tables that are named as where a key might belong
_BASES = ("defaults", "include", "includes", "import", "imports", "base", "bases", "inherits", "toml_files")
_KINDS = ("name", "type", "class", "target", "mode", "decay_type")  # what others call a kind
_SWITCHES = ("enable", "enabled")  # what others turn a part on and off by


def help_for_key(key: str, value: Any, shape: Table | Component, kind: object, root: Table) -> str:
    """The most likely mend for an unknown key: a typo, a key of another kind, table or project."""
    names = list(fields_of(shape, kind)) + (["kind"] if isinstance(shape, Component) else [])
    near = None if key in root.elsewhere else nearest(key, names, cutoff=_SURELY_MEANT)
    if near is None and isinstance(shape, Component) and (mend := _mend_by_kind(key, value, shape, kind)):
        return mend
    if near is None and shape is root and key in _BASES:
        return 'files to start from are named by extends = ["NAME.toml"]'
    if key in root.elsewhere:
        return f"{key} is {_shown(root, root.elsewhere[key])} here"
    homes = [] if near else sorted(set(_homes(root, key, "")))
    if homes and len(homes) <= _MAX_HOMES:
        return f"{key} belongs to {' or '.join(_shown(root, home) for home in homes)}"
    near = near or nearest(key, names)
    if near:
        return f"did you mean {near}?"
    return f"this table takes {', '.join(names)}" if len(names) <= _MAX_LISTED else ""


def meant_path(path: Path, known: Sequence[Path], root: Table) -> str:
    """The mend for a path that nothing has: a near name in its table, its name in another, what its table has."""
    last = str(path[-1])
    beside = {str(other[-1]): other for other in known if other[:-1] == path[:-1]}
    homes = [other for other in known if other[-1] == last or dotted(other) == root.elsewhere.get(last)]
    spelled = {dotted(other): other for other in beside.values()}
    if near := nearest(last, beside):
        homes = [beside[near]]
    elif near := nearest(dotted(path), spelled, cutoff=0.9):  # rl for lr
        homes = [spelled[near]]
    elif not homes and (len(path) == 1 or not beside):
        near = nearest(last, (str(other[-1]) for other in known))
        homes = [other for other in known if near and other[-1] == near]
    names = [dotted(home) for home in homes]
    if len(names) > _MAX_HOMES or not (names or beside):
        near = nearest(dotted(path), names or map(dotted, known))
        names = [near] if near else []
    if names:
        return f"did you mean {' or '.join(names)}?"
    is_table = len(path) > 1 and 0 < len(beside) <= _MAX_LISTED
    return f"[{dotted(path[:-1])}] has {', '.join(beside)}" if is_table else ""


def _mend_by_kind(key: str, value: Any, shape: Component, kind: object) -> str:
    """What kinds have to do with an unknown key: another one has it, or it is meant to pick one."""
    owners = [name for name, table in shape.kinds.items() if key in table.fields]
    if owners:
        return f"{key} is a key of kind {' or '.join(owners)}; the kind here is {kind}"
    if key in _SWITCHES and type(value) is bool:
        meant = None if value or "none" not in shape.kinds else "none"  # off is a kind
    elif key in _KINDS and type(value) is str:
        meant = nearest(value.lower(), shape.kinds)
    else:
        return ""
    return f"write kind = {' or '.join(map(quoted, [meant] if meant else shape.kinds))}"


def _shown(root: Table, path: str) -> str:
    """A path of the schema; one of the root is a table, or a key above all tables."""
    field = root.fields.get(path)
    if field is None:
        return path
    return f"the top of the file, before any table: {path} = VALUE" if isinstance(field.shape, Leaf) else f"[{path}]"


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
