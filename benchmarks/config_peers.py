"""One config system, one set of layers: what benchmarks/config.py runs in the peers' environment.

    main(PEER, FOLDER, NUM_LAYERS)             loads once; prints the CPU seconds of that load, and of all so far
    main(PEER, FOLDER, NUM_LAYERS, "serve")    checks the result leaf by leaf, then loads as often as each line says

A peer is a function (folder, names of layers) -> load. It imports what its user would, and nothing else is imported
here, so that a process costs what a script with this peer costs. This file goes with falsework.
"""

import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

Load = Callable[[], Any]


def only_tomllib(folder: str, names: list[str]) -> Load:
    """The floor: parses the TOML layers and does nothing with them."""
    tomllib = import_module("tomllib")
    return lambda: [_toml(tomllib, path) for path in _paths(folder, names, "toml")]


def falsework(folder: str, names: list[str]) -> Load:
    """As it is: every layer checked, every value with its origin, all errors gathered."""
    load = import_module("falsework").load
    root = import_module("schema_falsework").Root
    paths = _paths(folder, names, "toml")
    return lambda: load(paths, root=root, kinds={}).value


def attrs_cattrs(folder: str, names: list[str]) -> Load:
    """Detailed validation and forbidden extra keys, so that its errors say where; no origins."""
    import_module("attrs")
    converter = import_module("cattrs").Converter(detailed_validation=True, forbid_extra_keys=True)
    merged = _merger(folder, names)
    root = import_module("schema_attrs").Root
    return lambda: converter.structure(merged(), root)


def pydantic(folder: str, names: list[str]) -> Load:
    """Frozen models that forbid extra keys."""
    merged = _merger(folder, names)
    root = import_module("schema_pydantic").Root
    return lambda: root.model_validate(merged())


def msgspec(folder: str, names: list[str]) -> Load:
    """Frozen structs that forbid unknown fields."""
    convert = import_module("msgspec").convert
    merged = _merger(folder, names)
    root = import_module("schema_msgspec").Root
    return lambda: convert(merged(), root)


def draccus(folder: str, names: list[str]) -> Load:
    """Its decoder alone; it has no layers."""
    decode = import_module("draccus").decode
    merged = _merger(folder, names)
    root = import_module("schema_dataclass").Root
    return lambda: decode(root, merged())


def draccus_parse(folder: str, _names: list[str]) -> Load:
    """Its own entry point, which makes a command line of the schema; one file that is merged already."""
    parse = import_module("draccus").parse
    root = import_module("schema_dataclass").Root
    return lambda: parse(root, config_path=f"{folder}/merged.yaml", args=[])


def jsonargparse(folder: str, names: list[str]) -> Load:
    """Its own entry point, with one --config per layer."""
    auto_cli = import_module("jsonargparse").auto_cli
    root = import_module("schema_dataclass").Root
    arguments = [f"--config={path}" for path in _paths(folder, names, "yaml")]
    return lambda: auto_cli(root, args=arguments)


def hydra(folder: str, _names: list[str]) -> Load:
    """Compose with a structured config below the layers."""
    hydra, omegaconf = import_module("hydra"), import_module("omegaconf")
    import_module("schema_hydra")
    singleton = import_module("hydra.core.global_hydra").GlobalHydra.instance()

    def load() -> Any:
        singleton.clear()
        with hydra.initialize_config_dir(version_base=None, config_dir=folder):
            return omegaconf.OmegaConf.to_object(hydra.compose("config"))

    return load


def gin(folder: str, names: list[str]) -> Load:
    """Bindings, applied one by one: it has no deep merge."""
    gin = import_module("gin")
    root = import_module("schema_gin").Root
    paths = _paths(folder, names, "gin")

    def load() -> Any:
        with gin.unlock_config():
            gin.clear_config()
            gin.parse_config_files_and_bindings(paths, None)
        return root()

    return load


def chz(folder: str, names: list[str]) -> Load:
    """A blueprint with one layer of flat overrides per file."""
    chz, tomllib = import_module("chz"), import_module("tomllib")
    root = import_module("schema_chz").Root
    paths = _paths(folder, names, "toml")

    def load() -> Any:
        blueprint = chz.Blueprint(root)
        for path in paths:
            blueprint.apply(dict(_flat(_toml(tomllib, path))), layer_name=path)
        return blueprint.make()

    return load


def fiddle(folder: str, names: list[str]) -> Load:  # noqa: ARG001  # its layers are modules, found by their names
    """Layers are Python modules, imported by the first load only."""
    fiddle = import_module("fiddle")
    import_module("schema_dataclass")
    first, *further = [f"fiddle_{name}" for name in names]

    def load() -> Any:
        config = import_module(first).build()
        for name in further:
            import_module(name).apply(config)
        return fiddle.build(config)

    return load


def confection(folder: str, names: list[str]) -> Load:
    """Its own merge of its own files, validated."""
    config_class = import_module("confection").Config
    root = import_module("schema_confection").Root
    paths = _paths(folder, names, "cfg")

    def load() -> Any:
        config = config_class().from_disk(paths[0])
        for path in paths[1:]:
            config = config.merge(config_class().from_disk(path))
        return config.validate(root)

    return load


PEERS: dict[str, Callable[[str, list[str]], Load]] = {
    "tomllib": only_tomllib,
    "falsework": falsework,
    "attrs + cattrs": attrs_cattrs,
    "msgspec": msgspec,
    "pydantic": pydantic,
    "chz": chz,
    "draccus.decode": draccus,
    "draccus.parse": draccus_parse,
    "gin": gin,
    "confection": confection,
    "fiddle": fiddle,
    "jsonargparse": jsonargparse,
    "hydra": hydra,
}


def main(name: str, folder: str, num_layers: int, mode: str = "once") -> None:
    """Loads once and says how long it took; then serves, if asked to."""
    sys.path.insert(0, folder)  # schemas
    load = PEERS[name](folder, [f"layer_{number:02}" for number in range(num_layers)])
    start = time.process_time()
    found = load()
    print(time.process_time() - start, time.process_time(), flush=True)
    if mode == "serve":
        _check(name, found, folder)
        del found
        serve(load)


def serve(load: Load) -> None:
    """Loads as often as each line of the input says, and answers with the CPU seconds of one load."""
    for line in sys.stdin:
        start = time.process_time()
        for _ in range(int(line)):
            load()
        print((time.process_time() - start) / int(line), flush=True)


def _check(name: str, found: Any, folder: str) -> None:
    """Every leaf has the value and the type that the last layer gave it."""
    import json

    with open(f"{folder}/expected.json", "rb") as file:  # noqa: PTH123
        expected = json.load(file)
    if name != "tomllib":
        _check_values(found, expected["values"], "")
    if name == "falsework":
        _check_origins(expected["files"], folder)


def _check_values(found: Any, expected: dict[str, Any], path: str) -> None:
    for name, value in expected.items():
        got = found[name] if isinstance(found, dict) else getattr(found, name)
        if isinstance(value, dict):
            _check_values(got, value, f"{path}{name}.")
        elif isinstance(value, list):
            assert list(got) == value, f"{path}{name} is {got}, not {value}"
        else:
            assert got == value, f"{path}{name} is {got}, not {value}"
            assert type(got) is type(value), f"{path}{name} is a {type(got).__name__}"


def _check_origins(files: dict[str, str], folder: str) -> None:
    """Every value's place is in the file that says it last."""
    paths = sorted({f"{folder}/{file}" for file in files.values()})
    config = import_module("falsework").load(paths, root=import_module("schema_falsework").Root, kinds={})
    found = {key: place.split(":")[0].rpartition("/")[2] for key, place in config.origins().items()}
    assert found == files, "an origin names another file"


def _paths(folder: str, names: list[str], suffix: str) -> list[str]:
    return [f"{folder}/{name}.{suffix}" for name in names]


def _merger(folder: str, names: list[str]) -> Load:
    """Reads the TOML layers and merges their tables: what a peer's user without layers writes."""
    tomllib = import_module("tomllib")
    paths = _paths(folder, names, "toml")

    def merged() -> Any:
        tree: dict[str, Any] = {}
        for path in paths:
            _merge(tree, _toml(tomllib, path))
        return tree

    return merged


def _merge(tree: dict[str, Any], layer: dict[str, Any]) -> None:
    for key, value in layer.items():
        if type(value) is dict and type(tree.get(key)) is dict:
            _merge(tree[key], value)
        else:
            tree[key] = value


def _toml(tomllib: Any, path: str) -> Any:
    with open(path, "rb") as file:  # noqa: PTH123  # pathlib would be measured too
        return tomllib.load(file)


def _flat(tree: dict[str, Any], prefix: str = "") -> Any:
    for name, value in tree.items():
        if type(value) is dict:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
