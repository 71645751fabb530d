"""The schemas of benchmarks/config.py: the same classes, one per table, in each peer's own style.

This file goes with falsework.
"""

from pathlib import Path
from typing import NamedTuple

from benchmarks.config_files import Size, class_name, tables, type_of


class Style(NamedTuple):
    """How one peer writes a class. In a template, `{}` is the default, or the class that makes it."""

    head: str
    decorator: str = ""
    parent: str = ""
    value: str = "{}"
    table: str = "field(default_factory={})"
    list_type: str = "list[int]"
    foot: str = ""


_DATACLASS = Style("from dataclasses import dataclass, field\n", "@dataclass\n")
_STORE = "from hydra.core.config_store import ConfigStore\nConfigStore.instance().store('base_schema', Root)\n"

STYLES = {
    "attrs": Style("import attrs\n", "@attrs.frozen\n", table="attrs.Factory({})"),
    "falsework": Style(
        "from attrs import field, frozen\nSCIENCE = {'class': 'science'}\n",
        "@frozen(kw_only=True)\n",
        value="field(default={}, metadata=SCIENCE)",
        table="field(factory={}, metadata=SCIENCE)",
        list_type="tuple[int, ...]",
    ),
    "dataclass": _DATACLASS,
    "hydra": _DATACLASS._replace(foot=_STORE),
    "gin": Style(f"import gin\n{_DATACLASS.head}", "@gin.configurable\n@dataclass\n"),
    "pydantic": Style(
        "from pydantic import BaseModel, ConfigDict, Field\n"
        "class Strict(BaseModel):\n    model_config = ConfigDict(extra='forbid', frozen=True)\n",
        parent="Strict",
        table="Field(default_factory={})",
    ),
    "msgspec": Style(
        "from msgspec import Struct, field\n", parent="Struct, forbid_unknown_fields=True, frozen=True, kw_only=True"
    ),
    "chz": Style("import chz\n", "@chz.chz\n", table="chz.field(default_factory={})"),
    "confection": Style(
        "from confection import Schema\nclass Strict(Schema):\n    model_config = {'extra': 'forbid'}\n",
        parent="Strict",
        table="",
    ),
}

_SCALARS = {
    "int": ("int", "0"),
    "float": ("float", "0.0"),
    "str": ("str", "''"),
    "bool": ("bool", "False"),
    "optional": ("Optional[float]", "None"),
}


def write_schemas(folder: Path, size: Size) -> None:
    """A module for each style."""
    for name, style in STYLES.items():
        (folder / f"schema_{name}.py").write_text(schema(size, style))


def schema(size: Size, style: Style) -> str:
    """The text of one module."""
    parent = f"({style.parent})" if style.parent else ""
    classes = [
        "".join(
            [style.decorator, f"class {class_name(path)}{parent}:\n", *(_field(path, name, style) for name in names)]
        )
        for path, names in tables(size).items()
    ]
    return "\n".join(["from typing import Optional", style.head, *classes, style.foot])


def _field(path: tuple[str, ...], name: str, style: Style) -> str:
    if len(path) == 3 and type_of(name) != "list":
        annotation, default = _SCALARS[type_of(name)]
        return f"    {name}: {annotation} = {style.value.format(default)}\n"
    annotation = style.list_type if len(path) == 3 else class_name((*path, name))
    default = style.table.format(annotation.partition("[")[0])
    return f"    {name}: {annotation}" + (f" = {default}\n" if default else "\n")
