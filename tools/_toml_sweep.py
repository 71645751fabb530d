"""A sweep in TOML as tools/sweep takes it: its children written, each loaded with the layers on top of it."""

from pathlib import Path
from typing import Any

from _start import load_files

from falsework import load
from falsework.layers import split_argument
from falsework.sweep import Child, swept_children
from harness import lineage
from harness.sweep.commands import Plan
from harness.sweep.standing import Point, fingerprint


def plan_of(word: str) -> Plan:
    """The sweep that FILE[+LAYER...] names. Writes what is missing. Raises ConfigError with all that is wrong."""
    from bindings import SCHEMA

    file, *layers = split_argument(word)
    sweep = swept_children(file, layers, load=load_files, naming=lineage)
    points = [_point(child, layers) for child in sweep.children]
    num_new = sum(child.is_new for child in sweep.children)
    wrote = f"; {num_new} of them written into {sweep.parent.parent}" if num_new else ""
    here: Any = load([str(sweep.children[0].file), *layers], **SCHEMA, for_this_machine=True).value
    return Plan(
        words=[word],
        file=Path(file),
        head=f"{file}: {sweep.why}\n{len(points)} points below {sweep.parent.stem}{wrote}",
        points=points,
        runs_dir=Path(here.log.runs_dir),
    )


def _point(child: Child, layers: list[str]) -> Point:
    config = load_files([str(child.file), *layers])
    flat = config.flat()
    return Point(
        experiment=config.name,
        argument="+".join([str(child.file), *layers]),
        values={key: flat.get(key, value) for key, value in child.values.items()},  # a layer may say something else
        config=flat,
        fingerprint=fingerprint(config.fingerprints),
    )
