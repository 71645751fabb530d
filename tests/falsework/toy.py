"""A small schema with everything the language speaks about, and the few lines that every test here needs."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

from attrs import Attribute, field, frozen
from attrs.validators import ge, gt

import falsework
from falsework import Config, ConfigError, Problem
from falsework.report import render

SCIENCE, SPEED, PLACE = ({"class": name} for name in ("science", "speed", "place"))


@frozen(kw_only=True)
class AdamW:
    """A kind with a list."""

    lr: float = field(metadata=SCIENCE, validator=gt(0))
    betas: tuple[float, float] = field(metadata=SCIENCE, default=(0.9, 0.95))
    weight_decay: float = field(metadata=SCIENCE, default=0.1)


@frozen(kw_only=True)
class Muon:
    """Another kind, with a key of its own."""

    lr: float = field(metadata=SCIENCE, validator=gt(0))
    momentum: float = field(metadata=SCIENCE, default=0.95)


Optimizer = AdamW | Muon


@frozen(kw_only=True)
class Gpt:
    """A kind with a required key, an optional one and a rule over two fields."""

    num_layers: int = field(metadata=SCIENCE)
    num_heads: int = field(metadata=SCIENCE, default=4)
    dim: int = field(default=64, metadata=SCIENCE)
    max_positions: int | None = field(metadata=SCIENCE, default=None)

    @dim.validator
    def _divides(self, _attribute: "Attribute[int]", value: int) -> None:
        if value % self.num_heads:
            raise ValueError(f"must be a multiple of num_heads = {self.num_heads}, got {value}")


@frozen(kw_only=True)
class Convnet:
    """A kind that shares a key with another."""

    num_layers: int = field(metadata=SCIENCE, default=2)
    channels: tuple[int, ...] = field(metadata=SCIENCE, default=(8, 16))


Model = Gpt | Convnet


@frozen(kw_only=True)
class BitsPerByte:
    """A named table of one kind."""

    max_bytes: int = field(metadata=SCIENCE, default=1000)


@frozen(kw_only=True)
class Completions:
    """A named table of another kind."""

    num_samples: int = field(metadata=SCIENCE, default=3)
    mode: Literal["greedy", "sample"] = field(metadata=SCIENCE, default="greedy")


Eval = BitsPerByte | Completions


@frozen(kw_only=True)
class PythonSource:
    """The only kind of its component."""

    seq_len: int = field(metadata=SCIENCE, default=256)
    tags: tuple[str, ...] = field(metadata=SCIENCE, default=("python",))


Data = PythonSource


@frozen(kw_only=True)
class Log:
    """A table without kinds, with a path."""

    every_steps: int = field(metadata=PLACE, default=50)
    file: Path = field(metadata=PLACE, default=Path("log.txt"))
    token_env: str | None = field(metadata=PLACE, default=None)


class Misplaced(ValueError):
    """A validator's error that points below its value."""

    path = ("web",)


def _known_weights(_run: object, _attribute: "Attribute[Any]", value: Mapping[str, float]) -> None:
    if value.get("web", 0.0) < 0:
        raise Misplaced("is negative")


@frozen(kw_only=True)
class Train:
    """A table that has to be there."""

    num_steps: int = field(metadata=SCIENCE, validator=ge(1))
    seed: int = field(metadata=SCIENCE, default=0)
    shuffle: bool = field(metadata=SCIENCE, default=True)
    device: str = field(metadata=PLACE, default="auto")
    num_threads: int = field(metadata=SPEED, default=1)


@frozen(kw_only=True)
class Run:
    """The root."""

    train: Train = field(metadata=SCIENCE)
    optimizer: Optimizer = field(metadata=SCIENCE)
    model: Model = field(metadata=SCIENCE)
    data: Data = field(metadata=SCIENCE, default=PythonSource(seq_len=128))
    log: Log = field(metadata=PLACE, default=Log())
    eval: Mapping[str, Eval] = field(metadata=SCIENCE, factory=dict)
    weights: Mapping[str, float] = field(metadata=SCIENCE, factory=dict, validator=_known_weights)
    note: str | None = field(metadata=SCIENCE, default=None)


KINDS: dict[object, dict[str, type]] = {
    Optimizer: {"adamw": AdamW, "muon": Muon},
    Model: {"gpt": Gpt, "convnet": Convnet},
    Data: {"python_source": PythonSource},
    Eval: {"bits_per_byte": BitsPerByte, "completions": Completions},
}

BASE = """
    why = "the base"
    [train]
    num_steps = 100
    [optimizer]
    kind = "adamw"
    lr = 3e-4
    [model]
    kind = "gpt"
    num_layers = 6
"""


def write(name: str, text: str) -> str:
    """A file below the current directory; its name again."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip(), encoding="utf-8")
    return name


def load(*names: str, schema_version: int = 1) -> Config:
    """The config that the files make, with the toy schema."""
    return falsework.load(names, root=Run, kinds=KINDS, schema_version=schema_version)


def on_base(*texts: str) -> Config:
    """The base with these layers on it: a.toml, b.toml, ..."""
    write("base.toml", BASE)
    return load("base.toml", *(write(f"{name}.toml", text) for name, text in zip("abcdef", texts, strict=False)))


def problems(*names: str) -> list[Problem]:
    """What is wrong with the files; nothing is a failure."""
    try:
        load(*names)
    except ConfigError as error:
        return list(error.problems)
    raise AssertionError("the config loads")


def first_lines(*names: str) -> list[str]:
    """`file:line:col: path: what` of every problem."""
    return [render(problem).splitlines()[0] for problem in problems(*names)]


def on_base_wrong(*texts: str) -> list[str]:
    """First lines of the problems that layers on the base have."""
    write("base.toml", BASE)
    return first_lines("base.toml", *(write(f"{name}.toml", text) for name, text in zip("abcdef", texts, strict=False)))


def helps(*texts: str) -> list[str]:
    """Help lines of the problems that layers on the base have."""
    write("base.toml", BASE)
    names = [write(f"{name}.toml", text) for name, text in zip("abcdef", texts, strict=False)]
    return [problem.help for problem in problems("base.toml", *names)]
