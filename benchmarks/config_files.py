"""What benchmarks/config.py loads: the same layers as TOML, YAML, gin, INI-like cfg and Python, in a passing folder.

Leaves lie four deep (section, group, unit, leaf), one schema class per table. The first layer sets every leaf, each
further one a tenth of them. expected.json says what has to come out, and which layer says it last. This file
goes with falsework.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

Leaf = tuple[str, str, str, str]  # section, group, unit, name
Layer = dict[Leaf, Any]
TYPES = ("int", "float", "str", "bool", "list", "optional", "float", "int", "str", "float")  # of the leaves of a unit


@frozen(kw_only=True)
class Size:
    """How many of each there are, of sections in the root, of groups in each section, and so on down."""

    sections: int
    groups: int
    units: int
    leaves: int
    layers: int

    def paths(self) -> list[Leaf]:
        """Every leaf, in the order of the schema."""
        return [
            (f"s{section}", f"g{group}", f"u{unit}", f"p{leaf}")
            for section in range(self.sections)
            for group in range(self.groups)
            for unit in range(self.units)
            for leaf in range(self.leaves)
        ]

    def layer_names(self) -> list[str]:
        """The layers' files without suffix, in the order in which they apply."""
        return [f"layer_{number:02}" for number in range(self.layers)]


SIZES = {  # by their number of leaves: 9, 53 and 251 classes
    20: Size(sections=2, groups=1, units=2, leaves=5, layers=3),
    200: Size(sections=4, groups=2, units=5, leaves=5, layers=5),
    2000: Size(sections=10, groups=4, units=5, leaves=10, layers=10),
}


def type_of(leaf: str) -> str:
    """The type of a leaf, by its name."""
    return TYPES[int(leaf[1:])]


def class_name(path: tuple[str, ...]) -> str:
    """The class of the table at a path: `S0G1U2`."""
    return "".join(path).upper() or "Root"


def tables(size: Size) -> dict[tuple[str, ...], list[str]]:
    """The names in every table, by its path, inner tables first: the order in which classes are written."""
    below: dict[tuple[str, ...], dict[str, None]] = {}
    for leaf in size.paths():
        for depth in range(3, -1, -1):
            below.setdefault(leaf[:depth], {})[leaf[depth]] = None
    return {path: list(names) for path, names in sorted(below.items(), key=lambda item: -len(item[0]))}


def write_layers(folder: Path, size: Size) -> None:
    """All files of one size."""
    layers = make_layers(size)
    merged = {leaf: value for layer in layers for leaf, value in layer.items()}
    last = {".".join(leaf): f"{name}.toml" for name, layer in named(size, layers) for leaf in layer}
    (folder / "expected.json").write_text(json.dumps({"values": nested(merged), "files": last}))
    (folder / "merged.yaml").write_text(yaml_text(nested(merged)))
    wiring = [f"{class_name(path)}.{name} = @{class_name((*path, name))}()" for path, name in children(size)]
    for name, layer in named(size, layers):
        is_first = layer is layers[0]
        (folder / f"{name}.toml").write_text(toml_text(layer))
        (folder / f"{name}.yaml").write_text(yaml_text(nested(layer)))
        (folder / f"{name}.gin").write_text("\n".join([*(wiring if is_first else []), *gin_lines(layer), ""]))
        (folder / f"{name}.cfg").write_text(cfg_text(layer))
        (folder / f"fiddle_{name}.py").write_text(fiddle_first(layer) if is_first else fiddle_further(layer))
    defaults = ["base_schema", *size.layer_names(), "_self_"]
    (folder / "config.yaml").write_text("".join(["defaults:\n", *(f"  - {name}\n" for name in defaults)]))


def make_layers(size: Size) -> list[Layer]:
    """The first layer and its overrides; equal for equal sizes."""
    chance = random.Random(size.leaves)
    paths = size.paths()
    overridden = [
        sorted(chance.sample(paths, max(2, len(paths) // 10)), key=paths.index) for _ in range(1, size.layers)
    ]
    return [{leaf: some_value(chance, leaf[3]) for leaf in leaves} for leaves in (paths, *overridden)]


def some_value(chance: random.Random, leaf: str) -> Any:
    """Floats are at least 0.001, because YAML's readers take `1e-05` for a string."""
    match type_of(leaf):
        case "int":
            return chance.randrange(1, 100_000)
        case "str":
            return "".join(chance.choices("abcdefgh", k=10))
        case "bool":
            return chance.random() < 0.5
        case "list":
            return [chance.randrange(100) for _ in range(4)]
    return round(chance.uniform(0.001, 10), 6)


def named(size: Size, layers: list[Layer]) -> Iterator[tuple[str, Layer]]:
    """Layers with their names."""
    return zip(size.layer_names(), layers, strict=True)


def nested(layer: Layer) -> dict[str, Any]:
    """A layer as tables in tables."""
    tree: dict[str, Any] = {}
    for (section, group, unit, name), value in layer.items():
        tree.setdefault(section, {}).setdefault(group, {}).setdefault(unit, {})[name] = value
    return tree


def children(size: Size) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every table that stands in another, by the path of that one and its own name."""
    return ((path, name) for path, names in tables(size).items() if len(path) < 3 for name in names)


def toml_text(layer: Layer) -> str:
    """One header per unit; JSON's spelling of these values is TOML's."""
    tree = nested(layer)
    lines = [
        f"[{section}.{group}.{unit}]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in leaves.items())
        for section, groups in tree.items()
        for group, units in groups.items()
        for unit, leaves in units.items()
    ]
    return "\n".join(lines)


def yaml_text(tree: dict[str, Any], indent: str = "") -> str:
    """Blocks for tables, flow style for lists."""
    text = ""
    for name, value in tree.items():
        is_table = isinstance(value, dict)
        text += f"{indent}{name}:" + (f"\n{yaml_text(value, indent + '  ')}" if is_table else f" {json.dumps(value)}\n")
    return text


def gin_lines(layer: Layer) -> list[str]:
    """One binding per leaf."""
    return [f"{class_name(leaf[:3])}.{leaf[3]} = {value!r}" for leaf, value in layer.items()]


def cfg_text(layer: Layer) -> str:
    """Sections with every table above them, as confection wants them."""
    text = ""
    written: set[tuple[str, ...]] = set()
    for leaf, value in layer.items():
        for path in (leaf[:1], leaf[:2], leaf[:3]):
            if path not in written:
                written.add(path)
                text += f"\n[{'.'.join(path)}]\n"
        text += f"{leaf[3]} = {json.dumps(value)}\n"
    return text


def fiddle_first(layer: Layer) -> str:
    """A function that builds the whole config."""
    return f"import fiddle\nimport schema_dataclass as schema\n\ndef build():\n    return {_call(nested(layer), ())}\n"


def fiddle_further(layer: Layer) -> str:
    """A function that changes one."""
    lines = "".join(f"    config.{'.'.join(leaf)} = {value!r}\n" for leaf, value in layer.items())
    return f"def apply(config):\n{lines}"


def _call(tree: dict[str, Any], path: tuple[str, ...]) -> str:
    words = [
        f"{name}={_call(value, (*path, name)) if isinstance(value, dict) else repr(value)}"
        for name, value in tree.items()
    ]
    return f"fiddle.Config(schema.{class_name(path)}, {', '.join(words)})"
