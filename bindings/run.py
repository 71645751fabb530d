"""The root of every config: one Run holds all that an experiment is."""

from collections.abc import Mapping
from typing import Literal

from attrs import Attribute, field, frozen
from attrs.validators import deep_mapping, ge, gt, matches_re, optional

from bindings.data import Data
from bindings.evals import BitsPerByte, Eval
from bindings.fields import Misfit, place, science, speed
from bindings.model import Gpt, Model
from bindings.optimizer import Optimizer
from bindings.parallel import Ddp, Parallel
from bindings.precision import Fp32, Precision
from bindings.schedule import Schedule


@frozen(kw_only=True)
class Train:
    """[train]: how long, in which portions, on what."""

    num_steps: int = field(validator=ge(1), metadata=science("optimizer updates"))
    batch_size: int = field(validator=ge(1), metadata=science("examples of one update, over all processes"))
    micro_batch_size: int | None = field(
        default=None,
        validator=optional(ge(1)),
        metadata=speed("examples of one forward pass of one process; its whole share of the batch when left out"),
    )
    clip_norm: float = field(default=1.0, validator=gt(0), metadata=science("largest gradient norm; inf never clips"))
    eval_every_steps: int | None = field(
        default=None, validator=optional(ge(1)), metadata=place("steps between evals; only at the end when left out")
    )
    checkpoint_every_steps: int = field(default=500, validator=ge(1), metadata=place("steps between checkpoints"))
    keep_checkpoints: int = field(default=2, validator=ge(1), metadata=place("newest checkpoints that are kept"))
    device: Literal["auto", "cpu", "cuda"] = field(
        default="auto", metadata=place("auto takes an accelerator where there is one")
    )
    num_threads: int | None = field(
        default=None, validator=optional(ge(1)), metadata=speed("CPU threads of a process; an even share when left out")
    )

    @micro_batch_size.validator
    def _divides_batch(self, _attribute: "Attribute[int | None]", value: int | None) -> None:
        if value is not None and self.batch_size % value:
            raise Misfit(f"must divide batch_size = {self.batch_size}, got {value}")


@frozen(kw_only=True)
class Log:
    """[log]: where the record goes and how often a line is shown."""

    every_steps: int = field(default=50, validator=ge(1), metadata=place("steps between lines; every step is recorded"))
    runs_dir: str = field(default="runs", metadata=place("where run directories are made, from the current directory"))


@frozen(kw_only=True)
class Run:
    """One experiment."""

    seed: int = field(validator=ge(0), metadata=science("of initial weights, order and noise"))
    model: Model = field(metadata=science("what is trained"))
    data: Data = field(metadata=science("what is learnt from"))
    optimizer: Optimizer = field(metadata=science("how the weights follow the gradient"))
    schedule: Schedule = field(metadata=science("the learning rate over the steps"))
    train: Train = field(metadata=science("how long, in which portions, on what"))
    eval: Mapping[str, Eval] = field(
        factory=dict,
        validator=deep_mapping(key_validator=matches_re(r"[A-Za-z0-9_\-]{1,64}"), value_validator=lambda *_: None),
        metadata=science("what is measured on held-out data, by name"),
    )
    precision: Precision = field(factory=Fp32, metadata=science("the number format of the passes"))
    parallel: Parallel = field(factory=Ddp, metadata=speed("how a step is spread over processes"))
    log: Log = field(factory=Log, metadata=place("where the record goes"))

    @eval.validator  # noqa: A003 - the field, not the builtin
    def _strides_fit(self, _attribute: "Attribute[Mapping[str, Eval]]", value: Mapping[str, Eval]) -> None:
        for name, evaluation in value.items():
            if isinstance(evaluation, BitsPerByte) and evaluation.stride > self.data.seq_len:
                raise Misfit(
                    f"must be at most data.seq_len = {self.data.seq_len}, got {evaluation.stride}",
                    path=(name, "stride"),
                )

    @model.validator
    def _long_enough(self, _attribute: "Attribute[Model]", value: Model) -> None:
        if isinstance(value, Gpt) and value.max_positions < self.data.seq_len:
            raise Misfit(
                f"must be at least data.seq_len = {self.data.seq_len}, got {value.max_positions}",
                path=("max_positions",),
            )
