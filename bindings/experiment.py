"""Experiments without TOML: a Python file that defines `run = Run(...)`, and the record of a run.

    accelerate launch train.py experiments/22_lr_001_23.py

The file may also say `why = "..."`. It is ordinary Python, which runs when it is read: only TOML is safe to read from
strangers. What a record holds is data, and is checked as strictly as TOML.
"""

import hashlib
import json
import linecache
import runpy
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from bindings.fields import Misfit
from bindings.plain import checked, flat, from_plain, located, to_plain, unflat
from bindings.run import Run

if TYPE_CHECKING:
    from harness.record import Experiment


def run_of(path: str | Path) -> Run:
    """The `run` that a Python file defines, e.g. for another file to override. Raises Refused, with the place."""
    return _defined(Path(path))[0]


def from_file(path: Path) -> "tuple[Run, Experiment]":
    """The run of a Python file, and what its record is to keep. Raises Refused, with the place."""
    from harness.record import Experiment

    run, why = _defined(path)
    tree = to_plain(run)
    config = dict(flat(tree))
    return run, Experiment(
        name=path.stem,
        why=why,
        config=config,
        origins=dict.fromkeys(config, str(path)),
        files={f"layers/00_{path.name}": path.read_bytes()},
        fingerprint=fingerprint(tree),
        fingerprints=fingerprints(run, tree),
    )


def from_record(directory: Path) -> "tuple[Run, Experiment]":
    """The run that a run directory's config.json holds, whatever language it was written in. Raises Refused."""
    from harness.launch import Refused
    from harness.record import Experiment

    try:
        config = {key: entry["value"] for key, entry in json.loads((directory / "config.json").read_text()).items()}
        record = json.loads((directory / "run.json").read_text())
        run = from_plain(unflat(config))
    except Misfit as misfit:
        raise Refused(f"{directory / 'config.json'}: {located(misfit)}") from misfit
    except (OSError, ValueError) as error:
        raise Refused(f"{directory}: cannot be read as a run: {error}") from error
    assert isinstance(run, Run)
    return run, Experiment(name=record["experiment"], why=record["why"], config=config)


def fingerprint(tree: dict[str, Any]) -> str:
    """sha256 over the plain data as canonical JSON: the same as that of a TOML file with the same values."""
    canonical = json.dumps(tree, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def fingerprints(run: Run, tree: dict[str, Any]) -> dict[str, str]:
    """A fingerprint of the values of each class of fields: the same as those of a TOML file with the same values."""
    classed: dict[str, dict[str, Any]] = {"science": {}, "speed": {}, "place": {}}
    classes = dict(flat(_classes(run, tree, "science")))
    for key, value in flat(tree):
        classed[classes[key]][key] = value
    return {name: fingerprint(values) for name, values in classed.items()}


def science(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of a record's flat config what changes what is learnt; all of it if it does not fit the schema of today."""
    tree = unflat(config)
    try:
        classes = dict(flat(_classes(from_plain(tree), tree, "science")))
    except Misfit:
        return dict(config)
    return {key: value for key, value in config.items() if classes[key] == "science"}


def _classes(value: Any, tree: Any, field_class: str) -> Any:
    """The class of each leaf, in the shape of the tree; kinds and names have that of the field they belong to."""
    if not isinstance(tree, dict) or not tree:
        return field_class
    fields = attrs.fields_dict(type(value)) if attrs.has(type(value)) else {}
    return {
        name: _classes(getattr(value, name), item, fields[name].metadata["class"])
        if name in fields
        else _classes(None if name == "kind" else value[name], item, field_class)
        for name, item in tree.items()
    }


def train_file(path: str) -> None:
    """Trains an experiment that was started by itself: the same as train.py with this file."""
    train = Path(__file__).parents[1] / "train.py"
    sys.argv = [str(train), path]
    runpy.run_path(str(train), run_name="__main__")


def _defined(path: Path) -> tuple[Run, str]:
    """`run`, checked, and `why` of a Python file."""
    from harness.launch import Refused

    try:
        is_file = path.is_file()
    except (OSError, ValueError) as error:  # a name that is too long, or holds a null byte
        raise Refused(f"{path}: cannot be read: {error}") from error
    if not is_file:
        raise Refused(f"{path}: no such file")
    try:
        names = runpy.run_path(str(path), run_name="experiment")
    except Refused:
        raise  # of a file that this one reads
    except Exception as error:
        raise Refused(_place(path, error)) from error
    run, why = names.get("run"), names.get("why", "")
    if not isinstance(run, Run) or not isinstance(why, str):
        wrong = "run = Run(...)" if not isinstance(run, Run) else 'why = "..."'
        raise Refused(f"{path}: an experiment defines `{wrong}`, and this file does not")
    try:
        return checked(run), why
    except Misfit as misfit:
        raise Refused(f"{path}: {located(misfit)}") from misfit


def _place(path: Path, error: Exception) -> str:
    """The error at the line of the file that led to it, as `file:line: what` with the source line."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        line = error.lineno or 1
    else:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(path)), None) or 0
    what = located(error) if isinstance(error, Misfit) else error.args[0] if error.args else type(error).__name__
    what = f"{field}: {what}" if isinstance(error, TypeError) and (field := _validated(error)) else what
    linecache.checkcache(str(path))
    source = linecache.getline(str(path), line).rstrip()
    shown = f"\n  {line} | {source}" if source else ""
    return f"{path}:{line}: {type(error).__name__}: {what}{shown}" if line else f"{path}: {error}"


def _validated(error: TypeError) -> str:
    """The field whose validator raised it: what attrs' own cannot compare with a bound, they do not name."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    attribute = frame.f_locals.get("attr")
    return attribute.name if isinstance(attribute, attrs.Attribute) else ""
