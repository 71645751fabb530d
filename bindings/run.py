"""The root of every config: one Run holds all that an experiment is."""

import re
from collections.abc import Mapping
from typing import Literal

from attrs import Attribute, field, frozen
from attrs.validators import ge, gt, le, optional

from bindings.activations import Activations, Keep
from bindings.average import Average, NoAverage
from bindings.compilation import Compile, NoCompile
from bindings.data import Data, vocab_size_of
from bindings.evals import BitsPerByte, BitsPerToken, Eval
from bindings.fields import Misfit, named_plainly, place, science, speed
from bindings.init import Fresh, Init
from bindings.mirrors import Mirror, TensorBoard
from bindings.model import NUM_BYTES, Gpt, Model
from bindings.non_finite import NonFinite, Raise
from bindings.optimizer import Optimizer
from bindings.parallel import Ddp, Parallel
from bindings.precision import Fp32, Precision
from bindings.profile import NoProfile, Profile
from bindings.schedule import Schedule


def _is_a_metric(_train: "Train", _attribute: "Attribute[str | None]", value: str | None) -> None:
    if value is not None and not re.fullmatch(r"eval/[A-Za-z0-9_\-]{1,64}/.+", value):
        raise Misfit(f"must be eval/NAME/METRIC, got {value!r}")


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
    prefetch_steps: int = field(
        default=8, validator=[ge(0), le(1000)], metadata=speed("steps whose batches a thread makes ahead; 0 makes none")
    )
    dry_run: Literal["auto", "always", "never"] = field(
        default="auto", metadata=place("one micro-batch before the start, to see if memory suffices; auto: on GPUs")
    )
    clip_norm: float = field(default=1.0, validator=gt(0), metadata=science("largest gradient norm; inf never clips"))
    eval_every_steps: int | None = field(
        default=None, validator=optional(ge(1)), metadata=place("steps between evals; only at the end when left out")
    )
    checkpoint_every_steps: int = field(default=500, validator=ge(1), metadata=place("steps between checkpoints"))
    keep_checkpoints: int = field(default=2, validator=ge(1), metadata=place("newest checkpoints that are kept"))
    keep_every_steps: int | None = field(
        default=None, validator=optional(ge(1)), metadata=place("checkpoints of these steps are kept for ever")
    )
    keep_lowest: str | None = field(
        default=None,
        validator=_is_a_metric,
        metadata=place("eval/NAME/METRIC: the checkpoint where it was lowest is kept"),
    )
    keep_highest: str | None = field(
        default=None,
        validator=_is_a_metric,
        metadata=place("eval/NAME/METRIC: the checkpoint where it was highest is kept"),
    )
    non_finite: NonFinite = field(factory=Raise, metadata=science("what is done when loss or gradient is not finite"))
    deterministic: bool = field(
        default=False, metadata=speed("whether only kernels run that give the same bits each time, on GPUs too")
    )
    start_timeout_seconds: float = field(
        default=600.0, validator=gt(0), metadata=place("how long processes wait for each other until the first line")
    )
    timeout_seconds: float = field(
        default=600.0, validator=gt(0), metadata=place("how long they wait after it; longer than any save takes")
    )
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

    @keep_every_steps.validator
    def _is_saved(self, _attribute: "Attribute[int | None]", value: int | None) -> None:
        if value is not None and value % self.checkpoint_every_steps:
            raise Misfit(f"must be a multiple of checkpoint_every_steps = {self.checkpoint_every_steps}, got {value}")

    @keep_lowest.validator
    @keep_highest.validator
    def _is_measured(self, _attribute: "Attribute[str | None]", value: str | None) -> None:
        every = self.checkpoint_every_steps
        if value is not None and (self.eval_every_steps is None or self.eval_every_steps % every):
            raise Misfit(f"needs eval_every_steps, as a multiple of checkpoint_every_steps = {every}")


@frozen(kw_only=True)
class Log:
    """[log]: where the record goes and how often a line is shown."""

    every_steps: int = field(default=50, validator=ge(1), metadata=place("steps between lines; every step is recorded"))
    runs_dir: str = field(default="runs", metadata=place("where run directories are made, from the current directory"))
    mirror: Mapping[str, Mirror] = field(
        factory=dict,
        validator=named_plainly,
        metadata=place("other trackers that are told too, by name"),
    )

    @mirror.validator
    def _one_of_a_kind(self, _attribute: "Attribute[Mapping[str, Mirror]]", value: Mapping[str, Mirror]) -> None:
        kinds: dict[type, str] = {}
        for name, mirror in value.items():
            if type(mirror) in kinds and not isinstance(
                mirror, TensorBoard
            ):  # the other packages know one run at a time
                raise Misfit(f"is of the same kind as {kinds[type(mirror)]!r}: one of each is possible", path=(name,))
            kinds[type(mirror)] = name


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
        validator=named_plainly,
        metadata=science("what is measured on held-out data, by name"),
    )
    precision: Precision = field(factory=Fp32, metadata=science("the number format of the passes"))
    parallel: Parallel = field(factory=Ddp, metadata=speed("how a step is spread over processes"))
    init: Init = field(factory=Fresh, metadata=science("the weights that training starts from"))
    average: Average = field(factory=NoAverage, metadata=science("weights that follow the trained ones slowly"))
    compile: Compile = field(factory=NoCompile, metadata=speed("whether blocks are compiled"))
    activations: Activations = field(factory=Keep, metadata=speed("what is kept for the backward pass"))
    profile: Profile = field(factory=NoProfile, metadata=place("whether a few steps are traced"))
    log: Log = field(factory=Log, metadata=place("where the record goes"))

    @eval.validator  # noqa: A003 - the field, not the builtin
    def _strides_fit(self, _attribute: "Attribute[Mapping[str, Eval]]", value: Mapping[str, Eval]) -> None:
        for name, evaluation in value.items():
            if isinstance(evaluation, BitsPerByte | BitsPerToken) and evaluation.stride > self.data.seq_len:
                raise Misfit(
                    f"must be at most data.seq_len = {self.data.seq_len}, got {evaluation.stride}",
                    path=(name, "stride"),
                )

    @eval.validator  # noqa: A003 - the field, not the builtin
    def _measure_what_data_holds(self, _attribute: "Attribute[Mapping[str, Eval]]", value: Mapping[str, Eval]) -> None:
        holds_tokens = vocab_size_of(self.data) is not None
        for name, evaluation in value.items():
            if isinstance(evaluation, BitsPerToken) != holds_tokens:
                holds = 'tokens; kind = "bits_per_token" measures' if holds_tokens else "bytes; bits_per_token needs"
                raise Misfit(f"does not fit [data], which holds {holds} tokens", path=(name,))

    @model.validator
    def _knows_every_token(self, _attribute: "Attribute[Model]", value: Model) -> None:
        needed = vocab_size_of(self.data) or NUM_BYTES
        if value.vocab_size < needed:
            raise Misfit(
                f"must be at least the {needed} tokens of [data], got {value.vocab_size}", path=("vocab_size",)
            )

    @train.validator
    def _keeps_by_an_eval(self, _attribute: "Attribute[Train]", value: Train) -> None:
        for name in ("keep_lowest", "keep_highest"):
            metric = getattr(value, name)
            if metric and metric.split("/")[1] not in self.eval:
                raise Misfit(f"{metric!r} is of no eval of this run", path=(name,))

    @model.validator
    def _long_enough(self, _attribute: "Attribute[Model]", value: Model) -> None:
        if isinstance(value, Gpt) and value.max_positions < self.data.seq_len:
            raise Misfit(
                f"must be at least data.seq_len = {self.data.seq_len}, got {value.max_positions}",
                path=("max_positions",),
            )
