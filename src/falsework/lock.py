"""The schema as it was released, one line a field: what code may change only with a new version and its migrations.

    lock_text(table, 1) -> the text of bindings/schema.lock.toml        lock_faults(text, table, 1, MIGRATIONS) -> [...]

A field's line has its type, class and default; a field without `default` has to be set. Documentation and bounds may
change freely, and a new kind needs a fresh lock alone: no old file can mean anything else by it.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from falsework.layer import Tree
from falsework.migrations import Pattern, Step, compile_steps, parse_pattern
from falsework.plain import default_of
from falsework.problems import ConfigError, Problem
from falsework.schema import Component, Leaf, Named, Shape, Table
from falsework.write import spelled

_WIDER = {("int", "float")}  # old type, new type: every old value is one of the new, and means the same


def lock_text(table: Table, schema_version: int) -> str:
    """The lock of a schema."""
    head = f"# The schema as released. Written by tools/schema; not typed.\nschema = {schema_version}\n\n[fields]\n"
    return head + "".join(f"{spelled(path)} = {spelled(field)}\n" for path, field in _fields(table, ""))


def lock_faults(text: str, table: Table, schema_version: int, migrations: Mapping[int, Sequence[Any]]) -> list[str]:
    """What keeps this code from being released after that lock; nothing when the lock, or a fresh one, will do.

    Raises ConfigError for a text that is no lock: one that was typed, or that a merge has left half done.
    """
    lock = _read(text)
    steps = compile_steps(migrations)
    old, new = lock["fields"], dict(_fields(table, ""))
    beyond = dict.fromkeys(step.version for step in steps if not 1 < step.version <= schema_version)
    faults = [f"migrations for schema {version}, and SCHEMA_VERSION is {schema_version}" for version in beyond]
    faults += _unsayable(table, "")
    if schema_version < lock["schema"]:
        return [*faults, f"SCHEMA_VERSION is {schema_version}, and schema {lock['schema']} has been released"]
    steps = [step for step in steps if step.version > lock["schema"]]
    changes = [*_gone(old, new, steps), *_come(old, new, steps), *_changed(old, new, steps)]
    if schema_version > lock["schema"]:
        return [*faults, *changes]
    classes = [(path, old[path]["class"], new[path]["class"]) for path in old if path in new]
    changes += [f"{path}: {was} was its class" for path, was, now in classes if was != now]
    mend = f"set SCHEMA_VERSION = {schema_version + 1} and write MIGRATIONS[{schema_version + 1}]"
    return [*faults, *changes, *([f"schema {schema_version} has been released: {mend}"] if changes else [])]


def _read(text: str) -> Tree:
    """The lock as data, of which every part that is asked for is there."""
    try:
        lock = tomllib.loads(text)
        fields = lock["fields"].items()
        is_lock = type(lock["schema"]) is int and all(
            parse_pattern(path) and _is_field(field) for path, field in fields
        )
        what = "a line was changed by hand"
    except (ValueError, TypeError, RecursionError) as error:
        is_lock, what = False, str(error)
    except (KeyError, AttributeError):
        is_lock, what = False, "its schema or its fields are missing"
    if not is_lock:
        mend = "take the released one back: git checkout -- bindings/schema.lock.toml"
        raise ConfigError([Problem(f"no lock that tools/schema wrote: {what}", where="schema.lock.toml", help=mend)])
    return lock


def _is_field(field: Any) -> bool:
    if not isinstance(field, dict) or not field.keys() <= {"type", "options", "class", "optional", "default"}:
        return False
    has_words = isinstance(field.get("type"), str) and isinstance(field.get("class"), str)
    return has_words and isinstance(field.get("options", []), list)


def _fields(shape: Shape, path: str, field_class: str = "") -> Iterator[tuple[str, Tree]]:
    """Every field by its path, `optimizer<muon>.lr`, `eval.*<bits_per_byte>.stride`."""
    match shape:
        case Table():
            for name, field in shape.fields.items():
                here = f"{path}.{name}" if path else name
                default = default_of(field)
                line: Tree = {**_type(field.shape), "class": field.field_class}
                if field.is_optional:
                    line["optional"] = True
                elif default is not None:
                    line["default"] = default
                yield here, line
                yield from _fields(field.shape, here, field.field_class)
        case Component():
            for kind, table in shape.kinds.items():
                yield from _fields(table, f"{path}<{kind}>")
        case Named() if not isinstance(shape.item, Leaf):
            yield f"{path}.*", {**_type(shape.item), "class": field_class}
            yield from _fields(shape.item, f"{path}.*", field_class)


def _unsayable(shape: Shape, path: str) -> Iterator[str]:
    """Defaults that set an optional field: no file could say that it is absent, and no dump of a config without it."""
    match shape:
        case Table():
            for name, field in shape.fields.items():
                here = f"{path}.{name}" if path else name
                yield from (
                    f"{here}: its default sets {below}, which is optional: nothing could take it away"
                    for below in _optional_in(default_of(field), field.shape, name)
                )
                yield from _unsayable(field.shape, here)
        case Component():
            for kind, table in shape.kinds.items():
                yield from _unsayable(table, f"{path}<{kind}>")
        case Named():
            yield from _unsayable(shape.item, f"{path}.*")


def _optional_in(default: Any, shape: Shape, path: str) -> Iterator[str]:
    """The optional fields that a default, as plain data, has values for."""
    if not isinstance(default, dict):
        return
    if isinstance(shape, Named):
        for name, item in default.items():
            yield from _optional_in(item, shape.item, f"{path}.{name}")
    table = shape.kinds[default["kind"]] if isinstance(shape, Component) else shape
    for name, field in table.fields.items() if isinstance(table, Table) else ():
        if name in default:
            yield from [f"{path}.{name}"] * field.is_optional
            yield from _optional_in(default[name], field.shape, f"{path}.{name}")


def _type(shape: Shape) -> Tree:
    """A shape in a word, and what can be chosen from."""
    match shape:
        case Leaf():
            is_literal = get_origin(shape.type) is Literal
            return (
                {"type": "literal", "options": list(get_args(shape.type))}
                if is_literal
                else {"type": _word(shape.type)}
            )
        case Component():
            return {"type": "component", "options": list(shape.kinds)}
        case Named():
            return {"type": f"named {_type(shape.item)['type'] if isinstance(shape.item, Leaf) else 'tables'}"}
        case Table():
            return {"type": "table"}


def _word(annotation: Any) -> str:
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple:
        return f"tuple[{', '.join('...' if item is ... else _word(item) for item in arguments)}]"
    return f"literal[{', '.join(map(spelled, arguments))}]" if arguments else str(annotation.__name__).lower()


def _gone(old: Mapping[str, Tree], new: Mapping[str, Tree], steps: Sequence[Step]) -> Iterator[str]:
    for path in old:
        if path in new or _is_said(path, steps, "Renamed", "Removed", "ValueMapped"):
            continue
        if not _is_of_unknown_kind(path, new):  # of a kind that is gone with all its fields, one line speaks
            yield f"{path}: gone; write Renamed or Removed"


def _come(old: Mapping[str, Tree], new: Mapping[str, Tree], steps: Sequence[Step]) -> Iterator[str]:
    targets = [step.value for step in steps if step.word == "Renamed"]
    for path in new:
        is_new = path not in old and not _is_of_unknown_kind(path, old)
        is_target = any(_covers(target, parse_pattern(path)) for target in targets)
        if is_new and not is_target and not _is_said(path, steps, "Added"):
            yield f"{path}: new; write Added"


def _changed(old: Mapping[str, Tree], new: Mapping[str, Tree], steps: Sequence[Step]) -> Iterator[str]:
    for path in old:
        if path not in new:
            continue
        was, now = old[path], new[path]
        if was["type"] == now["type"] == "component":
            gone = (f"{path}<{kind}>" for kind in was["options"] if kind not in now["options"])
            unsaid = (kind for kind in gone if not _is_said(kind, steps, "ValueMapped", "Removed"))
            yield from (f"{kind}: gone; write ValueMapped for {path}.kind, or Removed" for kind in unsaid)
        elif not _is_wider(was, now) and not _is_said(path, steps, "ValueMapped", "Removed"):
            yield f"{path}: {_shown(was)} was its type, and {_shown(now)} is; write ValueMapped"
        defaults = [repr(_shared(line.get("default"), path, old, new)) for line in (was, now)]
        if "default" in was and defaults[0] != defaults[1] and not _is_said(path, steps, "DefaultChanged"):
            yield f"{path}: {spelled(was['default'])} was its default; write DefaultChanged"
        if "optional" in was and "optional" not in now and not _is_said(path, steps, "Added"):
            yield f"{path}: it could be left out; write Added"


def _shared(default: Any, path: str, old: Mapping[str, Tree], new: Mapping[str, Tree]) -> Any:
    """Of a table that is a default, what both schemas know: a key that came or went has a step of its own."""
    if not isinstance(default, dict):
        return default
    at = f"{path}<{default['kind']}>" if "kind" in default else path
    paths = {key: f"{at}.{'*' if f'{at}.*' in old else key}" for key in default}
    in_both = [key for key, below in paths.items() if key == "kind" or (below in old and below in new)]
    return {key: _shared(default[key], paths[key], old, new) for key in in_both}


def _shown(field: Tree) -> str:
    return f"{field['type']} {spelled(field['options'])}" if "options" in field else str(field["type"])


def _is_of_unknown_kind(path: str, fields: Mapping[str, Tree]) -> bool:
    """Whether a field belongs to a kind that none of these fields is of."""
    above, _, _ = path.rpartition(".")
    if ">" in above:
        prefix = above[: above.rindex(">") + 1]
        return not any(known.startswith(f"{prefix}.") for known in fields)
    return False


def _is_wider(was: Tree, now: Tree) -> bool:
    """Whether every value of the old type is one of the new."""
    if "options" in was and was["type"] == now["type"]:
        return all(option in now["options"] for option in was["options"])
    return was["type"] == now["type"] or (was["type"], now["type"]) in _WIDER


def _is_said(path: str, steps: Sequence[Step], *words: str) -> bool:
    pattern = parse_pattern(path)
    said = [step for step in steps if step.word in words]
    return any(_covers(step.pattern, pattern) or _is_kind_of(step, pattern) for step in said)


def _is_kind_of(step: Step, pattern: Pattern) -> bool:
    """Whether a step that maps kinds speaks of the component at the pattern, or of the kind that it is below."""
    if step.word != "ValueMapped" or step.pattern[-1].name != "kind" or not _covers(step.pattern[:-1], pattern):
        return False
    kinds = pattern[len(step.pattern) - 2].kinds
    return kinds is None or bool(kinds & {*step.value, *step.value.values()})


def _covers(pattern: Pattern, path: Pattern) -> bool:
    """Whether the path is at or below what the pattern names."""
    if len(path) < len(pattern):
        return False
    pairs = zip(pattern, path, strict=False)
    return all(a.name == b.name and (a.kinds is None or b.kinds is None or a.kinds & b.kinds) for a, b in pairs)
