"""Arguments -> the stack of layers that apply, weakest first.

    read_stack(["configs/22_lr_001_23.toml", "configs/profiles/cpu_debug.toml"]) -> Stack

Order is one sentence: bases left to right (each after its own bases), then the file itself, then the next file on the
command line. A base that is named at two places is applied at both. Cycles are errors. Arguments are files: there are
no overrides here, no search path and no environment.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from falsework.layer import ItselfAlone, Layer, Spot
from falsework.problems import ConfigError, Problem
from falsework.read import read_layer

CONFIGS = "configs"  # where experiments are, seen from the project
MACHINE_FILE = "machine.toml"  # of the configs folder
MAX_BASES_DEEP = 32
MAX_LAYERS = 256
PROFILES = "profiles"  # the folder of layers that fit every experiment

_Chain = tuple[tuple[str, Spot], ...]  # the files that led here: the real path, and the spot there that names the next


class Stack(ItselfAlone):
    """Layers in order of application; `name` and `why` are the experiment's.

    The first `num_own` of them are the experiment's: the first file on the command line, and its bases.
    """

    layers: tuple[Layer, ...]
    num_own: int
    name: str
    why: str

    def __init__(self, layers: tuple[Layer, ...], num_own: int, name: str) -> None:
        vars(self).update(layers=layers, num_own=num_own, name=name, why=layers[num_own - 1].why)

    @property
    def experiment(self) -> Layer:
        """The file that all is about."""
        return self.layers[self.num_own - 1]


class _Reading:
    """One call's files so far, by real path (None: refused), and what was wrong."""

    def __init__(self) -> None:
        self.files: dict[str, Layer | None] = {}
        self.problems: list[Problem] = []


def split_argument(argument: str) -> list[str]:
    """`FILE+LAYER+LAYER` -> its files, unless the whole argument names one that exists."""
    parts = [part for part in argument.split("+") if part]
    return [argument] if _exists(Path(argument)) or not parts else parts


def read_stack(arguments: Sequence[str | os.PathLike[str]], *, on_top: str | None = None) -> Stack:
    """Read every file that the arguments reach. Raises ConfigError with all that cannot be read or parsed.

    `on_top` is the last layer of all; the stack's name does not tell of it.
    """
    if not arguments:
        raise ConfigError([Problem("no config file was given", help="name one, e.g. configs/01_baseline.toml")])
    first = Path(arguments[0])
    if len(arguments) > 1 and first.parent.name == PROFILES:
        what, mend = "a profile goes on top of an experiment, and not below one", f"name {first} last"
        raise ConfigError([Problem(what, where=str(first), help=mend)])
    reading = _Reading()
    files = [*arguments, *([on_top] if on_top else [])]
    stacks = [_with_bases(_config_file(Path(file)), (), reading) for file in files]
    layers = tuple(layer for stack in stacks for layer in stack)
    if len(layers) > MAX_LAYERS:
        spot = Spot(layers[-1], ("extends",)) if layers[-1].extends else Spot(layers[-1])
        what, mend = f"over {MAX_LAYERS} layers", "a base named twice is applied twice"
        reading.problems.append(Problem(what, ("extends",), spot, mend))
    if reading.problems:
        raise ConfigError(dict.fromkeys(reading.problems))
    name = "+".join(Path(os.path.normpath(argument)).name.removesuffix(".toml") for argument in arguments)
    return Stack(layers, len(stacks[0]), name)


def shown_path(path: str | Path) -> str:
    """A path as the user would write it: from the current directory when it lies below, else as it is."""
    plain = os.path.normpath(path)
    relative = os.path.relpath(plain) if os.path.isabs(plain) else plain
    return plain if relative.startswith(os.pardir) else relative


def machine_file(experiment: str | os.PathLike[str]) -> str | None:
    """The machine.toml of an experiment's configs folder, or beside an experiment that is in none; None without one."""
    folder = os.path.dirname(os.path.normpath(experiment))
    parts = folder.split(os.sep)
    if CONFIGS in parts:
        last = len(parts) - parts[::-1].index(CONFIGS)
        folder = os.sep.join(parts[:last])
    file = os.path.join(folder, MACHINE_FILE)
    return file if os.path.lexists(file) else None


def is_machine_layer(layer: Layer) -> bool:
    """Whether a layer is one machine's own, by its name."""
    return os.path.basename(layer.name) == MACHINE_FILE


def toml_files(folder: str | Path) -> list[Path]:
    """The TOML files of a folder, by name; none where there is no such folder."""
    try:
        return sorted(path for path in Path(folder).iterdir() if path.suffix == ".toml")
    except (OSError, ValueError):  # ValueError: a null byte in the name
        return []


def _config_file(argument: Path) -> Path:
    """The file an argument means: a run directory (it has config.toml and run.json) stands for its config."""
    if argument.suffix == ".toml":
        return argument
    is_run = _exists(argument / "config.toml") and _exists(argument / "run.json")
    return argument / "config.toml" if is_run else argument


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, a loop of links
        return False


def _with_bases(path: Path, chain: _Chain, reading: _Reading) -> list[Layer]:
    """The file behind all of its bases; empty where something is wrong, which is then among the problems."""
    real = os.path.realpath(str(path).replace("\0", ""))
    reals = [known for known, _ in chain]
    if real in reals:
        names = [spot.layer.name for _, spot in chain[reals.index(real) :]]
        what = f"extends goes round in a circle: {' -> '.join([*names, names[0]])}"
        reading.problems.append(Problem(what, spot=chain[-1][1]))
        return []
    if len(chain) >= MAX_BASES_DEEP:
        reading.problems.append(Problem(f"bases are over {MAX_BASES_DEEP} deep", spot=chain[-1][1]))
        return []
    layer = _read_once(path, real, chain[-1][1] if chain else None, reading)
    if layer is None:
        return []
    layers: list[Layer] = []
    for position, base in enumerate(layer.extends):
        spot = Spot(layer, ("extends", position), "value")
        layers += _with_bases(path.parent / base, (*chain, (real, spot)), reading)
        if len(layers) > MAX_LAYERS:
            break
    return [*layers, layer]


def _read_once(path: Path, real: str, named_at: Spot | None, reading: _Reading) -> Layer | None:
    if real not in reading.files:
        reading.files[real] = None
        try:
            reading.files[real] = read_layer(path, shown_path(path))
        except ConfigError as error:
            reading.problems.extend(error.problems)
        except (OSError, ValueError) as error:  # ValueError: a null byte in the name
            from falsework.unreadable import unreadable  # only a mistake needs it

            reading.problems.append(unreadable(path, named_at, error))
    return reading.files[real]
