"""The reference of all fields as one Markdown page, in the order of the schema.

    reference(table, derived) -> text

What a field is says its own line of documentation; nothing is added here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from falsework.explain import type_name
from falsework.json_schema import bounds
from falsework.plain import default_of
from falsework.schema import Component, Field, Leaf, Named, Table
from falsework.write import spelled

_HEAD = """# Fields

Written by `tools/schema` from `bindings/`; not typed. **science** changes what is learnt, **speed** how fast the
same is learnt, **place** where things are on this machine and how often something is shown or kept.
"""
_SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<", "minItems": "items ≥"}


Reads = Mapping[str, Sequence[str]]  # what each derived field reads, by its dotted path


def reference(root: Table, derived: Mapping[str, tuple[Sequence[str], object]]) -> str:
    """The whole page. A field that is derived is not asked for: its default says what it follows."""
    reads = {path: names for path, (names, _) in derived.items()}
    top = [field for field in root.fields.values() if isinstance(field.shape, Leaf)]
    tables = [field for field in root.fields.values() if not isinstance(field.shape, Leaf)]
    lines = [_HEAD, "## At the top of a file", "", *_rows(top, "", reads)]
    for field in tables:
        lines += _section(field, "", reads)
    return "\n".join(lines) + "\n"


def _section(field: Field, above: str, reads: Reads) -> Iterator[str]:
    """A table and the tables with kinds or names that it holds, each under a header of its own."""
    shape, header = field.shape, above + field.name
    if isinstance(shape, Named):
        shape, header = shape.item, f"{header}.NAME"
    default = default_of(field)
    absent = f' When left out: `kind = "{default["kind"]}"`.' if default and "kind" in default else ""
    yield from ("", f"## `[{header}]`", "", _sentence(field.attribute.metadata.get("doc", "")) + absent)
    tables = [shape] if isinstance(shape, Table) else []
    if isinstance(shape, Table):
        yield from ("", *_rows(list(shape.fields.values()), f"{header}.", reads))
    elif isinstance(shape, Component):
        tables = list(shape.kinds.values())
        for kind, table in shape.kinds.items():
            yield from ("", f'### `kind = "{kind}"`', "", " ".join((table.type.__doc__ or "").split()))
            if table.fields:
                yield from ("", *_rows(list(table.fields.values()), f"{header}.", reads))
    for path, held in _leaves([held for table in tables for held in table.fields.values()], f"{header}."):
        if not isinstance(held.shape, Leaf):
            yield from _section(held, path.removesuffix(held.name), reads)


def _rows(fields: list[Field], above: str, reads: Reads) -> Iterator[str]:
    """One line a field of the table `above`; tables within tables are listed by their dotted key."""
    yield "| key | type | default | class | what it is |"
    yield "|--|--|--|--|--|"
    for path, field in _leaves(fields, ""):
        default, read = default_of(field), reads.get(above + path)
        shown = "required" if field.is_required else "absent" if default is None else f"`{spelled(default)}`"
        if read is not None:
            shown = "follows " + ", ".join(f"`{name}`" for name in read)
        about = field.attribute.metadata
        cells = (f"`{path}`", _type(field), shown, about.get("class", ""), about.get("doc", ""))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _leaves(fields: list[Field], above: str) -> Iterator[tuple[str, Field]]:
    for field in fields:
        if isinstance(field.shape, Table):
            yield from _leaves(list(field.shape.fields.values()), f"{above}{field.name}.")
        else:
            yield above + field.name, field


def _type(field: Field) -> str:
    annotation: Any = field.shape.type if isinstance(field.shape, Leaf) else "table"
    limits = bounds(field.attribute.validator)
    told = [f"{_SIGNS[word]} {limit}" for word, limit in limits.items()]
    return ", ".join([annotation if isinstance(annotation, str) else type_name(annotation), *told])


def _sentence(doc: str) -> str:
    return f"{doc[:1].upper()}{doc[1:]}." if doc else ""
