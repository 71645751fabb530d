"""Schemas against the constructors that they feed, and against the values that they must refuse."""

import ast
import importlib
import inspect
import math
import textwrap
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis.strategies import booleans, integers, sampled_from

from bindings import KINDS, assemble, examples
from bindings.activations import Keep, Recompute
from bindings.average import Ema, NoAverage
from bindings.compilation import CompileBlocks, NoCompile
from bindings.data import Mixture, PythonSource, Stream, TextFiles, TokenShards
from bindings.evals import BitsPerByte, BitsPerToken, Completions
from bindings.fields import Misfit
from bindings.init import Fresh, Weights
from bindings.mirrors import MLflow, TensorBoard, Trackio, WandB
from bindings.model import Convnet, Gpt
from bindings.non_finite import Raise, Skip
from bindings.optimizer import AdamW, Muon, Sgd
from bindings.parallel import Ddp, Fsdp, Single
from bindings.precision import Bf16, Fp16, Fp32
from bindings.profile import NoProfile, TorchProfile
from bindings.questions import Answers, LmEval, MultipleChoice
from bindings.run import Log, Run, Train
from bindings.schedule import Constant, Cosine, Linear, Wsd
from bindings.sources import LibrarySource, TextFilesSource, TokenShardsSource

COMPONENTS = [schema for named in KINDS.values() for schema in named.values()]
SCHEMAS = [*COMPONENTS, Run, Train, Log]
OF_THE_HARNESS = {Single, Ddp, Fsdp, Fp32, Bf16, Fp16, Fresh, Weights, NoAverage, Ema}
OF_THE_HARNESS |= {NoCompile, CompileBlocks, Keep, Recompute, Raise, Skip}
OF_THE_HARNESS |= {NoProfile, TorchProfile, WandB, TensorBoard, MLflow, Trackio}
WITHOUT_CONSTRUCTOR = OF_THE_HARNESS  # they choose, they do not build a thing of the zoo

# Parameters of constructors that no config should set: a mixture's corpora are those of its sources.
FIXED = {("zoo.mixture", "corpora")}

VALID: dict[type, dict[str, Any]] = {
    PythonSource: {"seq_len": 8},
    TextFiles: {"seq_len": 8, "paths": ("*.txt",)},
    TokenShards: {"seq_len": 8, "vocab_size": 300, "paths": ("a/*.bin",), "held_out_paths": ("b/*.bin",)},
    Stream: {"seq_len": 8, "paths": ("a/*.txt",), "held_out_paths": ("b/*.txt",)},
    Mixture: {"seq_len": 8, "mix": {"library": LibrarySource(weight=1.0)}},
    LibrarySource: {"weight": 1.0},
    TextFilesSource: {"weight": 1.0, "paths": ("*.txt",)},
    TokenShardsSource: {"weight": 1.0, "vocab_size": 300, "paths": ("a/*.bin",), "held_out_paths": ("b/*.bin",)},
    BitsPerToken: {"stride": 4},
    NoProfile: {},
    TorchProfile: {},
    Gpt: {"num_layers": 1, "width": 12, "num_heads": 3, "max_positions": 8},
    Convnet: {"num_layers": 1, "num_channels": 4},
    AdamW: {"lr": 0.1},
    Sgd: {"lr": 0.1},
    Muon: {"lr": 0.1},
    Constant: {},
    Cosine: {"total_steps": 10, "warmup_steps": 2},
    Linear: {"total_steps": 10, "warmup_steps": 2},
    Wsd: {"total_steps": 10, "warmup_steps": 2, "decay_steps": 3},
    BitsPerByte: {"stride": 4},
    Completions: {"prompts": ("def ",), "num_bytes": 4},
    Answers: {"scorer": "exact_match", "data": "a.jsonl", "prompt": "{prompt}", "num_bytes": 4},
    MultipleChoice: {},
    LmEval: {"tasks": ("one",)},
    Train: {"num_steps": 10, "batch_size": 8},
    Raise: {},
    Skip: {},
    Log: {},
    Single: {},
    Ddp: {},
    Fp32: {},
    Bf16: {},
    Fp16: {},
    Fsdp: {},
    Fresh: {},
    Weights: {"path": "runs/one"},
    NoAverage: {},
    Ema: {},
    NoCompile: {},
    CompileBlocks: {},
    Keep: {},
    WandB: {"project": "p"},
    TensorBoard: {},
    MLflow: {"tracking_uri": "sqlite:///mlflow.db"},
    Trackio: {"project": "p"},
    Recompute: {},
}
VALID[Run] = {
    "seed": 1,
    "model": Gpt(**VALID[Gpt]),
    "data": TextFiles(**VALID[TextFiles]),
    "optimizer": Sgd(lr=0.1),
    "schedule": Constant(),
    "train": Train(**VALID[Train]),
}

KEPT_BY_AN_EVAL: dict[str, Any] = {
    "eval_every_steps": 4,
    "checkpoint_every_steps": 2,
    "keep_lowest": "eval/held_out/bits_per_byte",
}
POSITIVE = (0.0, -1.0, math.nan)
SHARE = (-0.1, 1.0, math.nan)  # of momentum, dropout: below 1
COUNT = (0, -1)
WRONG: dict[type, dict[str, Sequence[Any]]] = {
    PythonSource: {"seq_len": COUNT, "held_out_fraction": (0.0, 1.0, math.nan)},
    TextFiles: {"seq_len": COUNT, "paths": ((),), "held_out_fraction": (0.0, 1.0, math.nan)},
    TokenShards: {"seq_len": COUNT, "vocab_size": (1,), "paths": ((),), "held_out_paths": ((),)},
    Stream: {"seq_len": COUNT, "paths": ((),), "held_out_paths": ((),)},
    Mixture: {
        "seq_len": COUNT,
        "mix": (
            {},
            {"a/b": LibrarySource(weight=1.0)},
            {
                "bytes": LibrarySource(weight=1.0),
                "tokens": TokenShardsSource(weight=1.0, vocab_size=9, paths=("a",), held_out_paths=("b",)),
            },
        ),
    },
    LibrarySource: {"weight": POSITIVE, "held_out_fraction": (0.0, 1.0, math.nan)},
    TextFilesSource: {"weight": POSITIVE, "paths": ((),), "held_out_fraction": (0.0, 1.0, math.nan)},
    TokenShardsSource: {"weight": POSITIVE, "vocab_size": (1,), "paths": ((),), "held_out_paths": ((),)},
    BitsPerToken: {"stride": COUNT, "batch_windows": COUNT, "max_tokens": COUNT},
    TorchProfile: {"first_step": COUNT, "num_steps": (0, 1001)},
    Gpt: {
        "vocab_size": (1,),
        "num_layers": COUNT,
        "width": (0, 1),
        "num_heads": (0, 4, 5, 24),  # heads of 3 channels, of 2.4, of half a channel
        "max_positions": COUNT,
        "mlp_ratio": POSITIVE,
        "dropout": SHARE,
        "num_hash_buckets": (-1,),
        "max_ngram": (1, 17),
    },
    Convnet: {"vocab_size": (1,), "num_layers": COUNT, "num_channels": COUNT, "kernel_size": (0, 1), "dropout": SHARE},
    AdamW: {"lr": POSITIVE, "beta1": SHARE, "beta2": SHARE, "eps": POSITIVE, "weight_decay": (-0.1, math.nan)},
    Sgd: {"lr": POSITIVE, "momentum": (*SHARE, 0.0), "weight_decay": (-0.1, math.nan)},
    Muon: {
        "lr": POSITIVE,
        "momentum": SHARE,
        "weight_decay": (-0.1, math.nan),
        "adamw_lr_ratio": POSITIVE,
        "beta1": SHARE,
        "beta2": SHARE,
        "eps": POSITIVE,
    },
    Constant: {"warmup_steps": (-1,)},
    Cosine: {"total_steps": (*COUNT, 2), "warmup_steps": (-1, 10), "final_fraction": (-0.1, 1.1, math.nan)},
    Linear: {"total_steps": (*COUNT, 2), "warmup_steps": (-1, 10), "final_fraction": (-0.1, 1.1, math.nan)},
    Wsd: {
        "total_steps": (*COUNT, 4),
        "warmup_steps": (-1, 8),
        "decay_steps": (*COUNT, 9),
        "final_fraction": (-0.1, 1.1, math.nan),
    },
    BitsPerByte: {"stride": COUNT, "batch_windows": COUNT, "max_bytes": COUNT},
    Completions: {
        "prompts": ((),),
        "samples_per_prompt": COUNT,
        "num_bytes": COUNT,
        "temperature": POSITIVE,
        "top_p": (0.0, 1.1, math.nan),
    },
    Answers: {
        "scorer": ("no_such_scorer",),
        "data": ("",),
        "prompt": (None,),
        "prompt_file": ("beside.txt",),
        "num_bytes": COUNT,
        "end": ("",),
        "temperature": (-0.1, math.nan),
        "top_p": (0.0, 1.1, math.nan),
    },
    MultipleChoice: {"num_questions": COUNT, "batch_choices": COUNT},
    LmEval: {"tasks": ((),), "max_questions": COUNT, "num_bytes": COUNT},
    Train: {
        "num_steps": COUNT,
        "batch_size": COUNT,
        "micro_batch_size": (*COUNT, 3, 16),
        "prefetch_steps": (-1, 1001),
        "clip_norm": POSITIVE,
        "eval_every_steps": COUNT,
        "checkpoint_every_steps": COUNT,
        "keep_checkpoints": COUNT,
        "keep_every_steps": (*COUNT, 501),  # saved every 500 steps
        "keep_lowest": ("bits_per_byte", "eval/held_out/bits_per_byte"),  # eval_every_steps is missing
        "keep_highest": ("eval//bits_per_byte", "eval/held_out/bits_per_byte"),
        "start_timeout_seconds": POSITIVE,
        "timeout_seconds": POSITIVE,
        "num_threads": COUNT,
    },
    Skip: {"max_steps": COUNT},
    Log: {
        "every_steps": COUNT,
        "mirror": ({"a/b": TensorBoard()}, {"a": Trackio(project="p"), "b": Trackio(project="q")}),
    },
    WandB: {"project": ("",), "token_env": ("", "a b", "ghp_a-b")},
    MLflow: {"tracking_uri": ("", "https://me:secret@host"), "experiment": ("",), "token_env": ("", "1A")},
    Trackio: {"project": ("",), "token_env": ("",)},
    Fsdp: {"num_replicas": COUNT, "num_shards": COUNT},
    Weights: {"path": ("",)},
    Ema: {"decay": (0.0, 1.0, math.nan), "warmup_steps": (-1,)},
    Run: {
        "seed": (-1,),
        "eval": ({"a/b": BitsPerByte(stride=4)}, {"": BitsPerByte(stride=4)}, {"x" * 65: BitsPerByte(stride=4)}),
        "model": (
            Gpt(num_layers=1, width=12, num_heads=3, max_positions=7),
            Gpt(num_layers=1, width=12, num_heads=3, max_positions=8, vocab_size=255),
        ),
        "train": (Train(**VALID[Train], **KEPT_BY_AN_EVAL),),  # which is not there
    },
}


def name_of(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


def fields_of(schema: type) -> dict[str, "attrs.Attribute[Any]"]:
    return attrs.fields_dict(attrs.resolve_types(schema))


@pytest.mark.parametrize("schema", SCHEMAS, ids=name_of)
def test_every_field_says_in_one_line_what_it_is_and_of_which_class(schema: type) -> None:
    assert schema.__doc__
    assert "\n" not in schema.__doc__
    for name, field in fields_of(schema).items():
        assert set(field.metadata) == {"class", "doc"}, name
        assert field.metadata["class"] in {"science", "speed", "place"}, name
        assert field.metadata["doc"].strip(), name
        assert "\n" not in field.metadata["doc"], name


@pytest.mark.parametrize("schema", SCHEMAS, ids=name_of)
def test_absence_is_none_and_never_required(schema: type) -> None:
    for name, field in fields_of(schema).items():
        if types.NoneType in typing.get_args(field.type):
            assert field.default is None, name


@pytest.mark.parametrize("schema", SCHEMAS, ids=name_of)
def test_every_validator_refuses_wrong_values(schema: type) -> None:
    schema(**VALID[schema])
    validated = {name for name, field in fields_of(schema).items() if field.validator is not None}
    assert validated - set(WRONG.get(schema, {})) <= {"nesterov"}, "a validator without a wrong value"
    for name, values in WRONG.get(schema, {}).items():
        for value in values:
            with pytest.raises(ValueError, match=r".+"):
                schema(**(VALID[schema] | {name: value}))


def test_kinds_are_short_words_and_no_class_has_two() -> None:
    assert len(COMPONENTS) == len(set(COMPONENTS))
    for union, named in KINDS.items():
        assert all(kind.isidentifier() and kind.islower() for kind in named)
        members = typing.get_args(union) or (union,)
        assert set(members) == set(named.values()), "the union of the annotation and the registry differ"


class Use(typing.NamedTuple):
    """One argument of a call that a build function makes."""

    target: Callable[..., Any]
    parameter: inspect.Parameter
    value: ast.expr


def uses_of(schema: type) -> Iterator[Use]:
    """What a schema's `build` hands to functions and classes of the zoo, also by way of `partial`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(vars(schema)["build"])))
    imported: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("zoo"):
            module = importlib.import_module(node.module)
            for alias in node.names:
                found = getattr(module, alias.name, None) or importlib.import_module(f"{node.module}.{alias.name}")
                imported[alias.asname or alias.name] = found
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            is_partial = isinstance(node.func, ast.Name) and node.func.id == "partial"
            callee, arguments = (node.args[0], node.args[1:]) if is_partial else (node.func, node.args)
            target = target_of(callee, imported)
            if target is not None:
                yield from arguments_of(target, arguments, node.keywords)


def target_of(callee: ast.expr, imported: dict[str, Any]) -> Callable[..., Any] | None:
    if isinstance(callee, ast.Attribute) and isinstance(callee.value, ast.Name) and callee.value.id in imported:
        return getattr(imported[callee.value.id], callee.attr)  # type: ignore[no-any-return]
    return imported.get(callee.id) if isinstance(callee, ast.Name) else None


def arguments_of(target: Callable[..., Any], args: list[ast.expr], keywords: list[ast.keyword]) -> Iterator[Use]:
    parameters = inspect.signature(target).parameters
    by_name = dict(zip(parameters, args, strict=False)) | {keyword.arg: keyword.value for keyword in keywords}
    assert set(by_name) <= set(parameters), f"{target.__qualname__} does not take these names"
    for name, value in by_name.items():
        assert name is not None, "** hides the names"
        yield Use(target, parameters[name], value)


@pytest.mark.parametrize("schema", [s for s in COMPONENTS if s not in WITHOUT_CONSTRUCTOR], ids=name_of)
def test_a_schema_agrees_with_the_constructor_that_its_build_calls(schema: type) -> None:
    fields = fields_of(schema)
    uses = list(uses_of(schema))
    assert uses, "no call of anything in the zoo was found"
    for use in uses:
        said, parameter = ast.unparse(use.value), use.parameter
        if said.removeprefix("self.") in fields:
            assert said == f"self.{parameter.name}", "one thing has one name"
            field = fields[parameter.name]
            assert parameter.annotation in accepted_by(field.type), f"{said}: {field.type} is not what is taken"
            if parameter.default is not inspect.Parameter.empty:
                assert parameter.default == field.default, f"{said}: another default"
    for target in {use.target for use in uses}:
        given_names = {use.parameter.name for use in uses if use.target is target}
        for name, parameter in inspect.signature(target).parameters.items():
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY and (target.__module__, name) not in FIXED:
                assert name in given_names, f"{target.__qualname__}({name}=) cannot be set by any config"


def accepted_by(field_type: Any) -> list[Any]:
    """Annotations of a parameter that a field of this type may feed."""
    accepted = [field_type]
    if types.NoneType in typing.get_args(field_type):  # the build function leaves the call out for None
        accepted += [kind for kind in typing.get_args(field_type) if kind is not types.NoneType]
    if typing.get_origin(field_type) is tuple:
        accepted += [Sequence[typing.get_args(field_type)[0]]]  # type: ignore[misc]
    return accepted


@pytest.mark.parametrize("schema", SCHEMAS, ids=name_of)
def test_every_field_is_read(schema: type) -> None:
    """A setting that nothing reads would be ignored in silence."""
    module = assemble if schema in (Run, Train, Log) else inspect.getmodule(schema)
    assert module is not None
    source = "\n".join(map(inspect.getsource, (module, assemble, examples)))
    read = {ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    owners = {Run: ["run"], Train: ["run.train"], Log: ["run.log"], PythonSource: ["self", "run.data"]}
    owners |= {kind: ["self", "run.data", "data"] for kind in (TextFiles, TokenShards, Stream, Mixture)}
    owners |= {kind: ["self", "sources[name]"] for kind in (LibrarySource, TextFilesSource, TokenShardsSource)}
    for name in fields_of(schema):
        assert any(f"{owner}.{name}" in read for owner in owners.get(schema, ["self"])), f"nothing reads {name}"


@given(total=integers(1, 6), warmup=integers(0, 6), decay=integers(0, 6), schema=sampled_from([Cosine, Linear, Wsd]))
def test_a_schedule_is_refused_by_its_schema_or_by_nobody(total: int, warmup: int, decay: int, schema: type) -> None:
    extra = {"decay_steps": decay} if schema is Wsd else {}
    try:
        schedule = schema(total_steps=total, warmup_steps=warmup, **extra)
    except ValueError:
        used = warmup + (decay if schema is Wsd else 0)
        assert used > total or warmup == total or (schema is Wsd and decay == 0)
    else:
        factors = [schedule.build()(step) for step in range(total + 2)]
        assert all(0 <= factor <= 1 for factor in factors)


@given(width=integers(2, 40), num_heads=integers(1, 12))
def test_heads_are_refused_by_the_schema_or_by_nobody(width: int, num_heads: int) -> None:
    try:
        model = Gpt(num_layers=1, width=width, num_heads=num_heads, max_positions=2)
    except Misfit:
        assert (width / num_heads) % 2 != 0
    else:
        model.build()


@given(momentum=sampled_from([0.0, 0.5]), nesterov=booleans())
def test_a_look_ahead_without_momentum_is_refused_before_torch_does(momentum: float, nesterov: bool) -> None:
    model = Gpt(**VALID[Gpt]).build()
    try:
        Sgd(lr=0.1, momentum=momentum, nesterov=nesterov).build(model)
    except Misfit:
        assert nesterov
        assert momentum == 0


def test_checkpoints_are_kept_by_an_eval_that_there_is() -> None:
    train = Train(**VALID[Train], **KEPT_BY_AN_EVAL)
    Run(**VALID[Run] | {"train": train, "eval": {"held_out": BitsPerByte(stride=4)}})
    with pytest.raises(Misfit, match="'eval/held_out/bits_per_byte' is of no eval") as caught:
        Run(**VALID[Run] | {"train": train})
    assert caught.value.path == ("keep_lowest",)
