"""Objects as plain data and back, through JSON as a run directory has it."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bindings.data import PythonSource, TextFiles
from bindings.evals import BitsPerByte, Completions
from bindings.fields import Misfit
from bindings.model import Convnet, Gpt
from bindings.optimizer import AdamW, Muon, Sgd
from bindings.parallel import Ddp, Single
from bindings.plain import checked, flat, from_plain, located, to_plain, unflat
from bindings.precision import Bf16, Fp32
from bindings.run import Log, Run, Train
from bindings.schedule import Constant, Wsd
from harness.rows import finite

positive = st.floats(min_value=0, exclude_min=True, allow_nan=False)
counts = st.integers(1, 2**40)
runs = st.builds(
    Run,
    seed=st.integers(0, 2**63 - 1),
    model=st.one_of(
        st.builds(Gpt, num_layers=counts, width=st.just(8), num_heads=st.just(2), max_positions=st.just(9)),
        st.builds(Convnet, num_layers=counts, num_channels=counts),
    ),
    data=st.one_of(
        st.builds(PythonSource, seq_len=st.integers(1, 9)),
        st.builds(TextFiles, seq_len=st.integers(1, 9), paths=st.lists(st.text(), min_size=1).map(tuple)),
    ),
    optimizer=st.one_of(st.builds(AdamW, lr=positive), st.builds(Sgd, lr=positive), st.builds(Muon, lr=positive)),
    schedule=st.one_of(st.builds(Constant), st.builds(Wsd, total_steps=st.just(9), decay_steps=st.integers(1, 9))),
    train=st.builds(Train, num_steps=counts, batch_size=counts, clip_norm=positive, num_threads=st.none() | counts),
    eval=st.dictionaries(
        st.from_regex(r"[A-Za-z0-9_\-]{1,64}", fullmatch=True),
        st.one_of(
            st.builds(BitsPerByte, stride=st.just(1), max_bytes=st.none() | counts),
            st.builds(Completions, prompts=st.lists(st.text(), min_size=1).map(tuple), num_bytes=counts),
        ),
        max_size=3,
    ),
    precision=st.sampled_from([Fp32(), Bf16()]),
    parallel=st.sampled_from([Ddp(), Single()]),
    log=st.builds(Log, every_steps=counts, runs_dir=st.text()),
)


@given(runs)
def test_any_run_comes_back_equal_from_the_json_of_its_record(run: Run) -> None:
    text = json.dumps(finite(dict(flat(to_plain(run)))), allow_nan=False)
    back = from_plain(unflat(json.loads(text)))
    assert back == run
    assert repr(back) == repr(run), "types too"
    assert repr(checked(run)) == repr(run)


def test_plain_data_has_kinds_and_no_absence() -> None:
    run = Run(
        seed=1,
        model=Convnet(num_layers=1, num_channels=2),
        data=PythonSource(seq_len=4),
        optimizer=Sgd(lr=0.5),
        schedule=Constant(),
        train=Train(num_steps=1, batch_size=1, clip_norm=math.inf),
    )
    plain = to_plain(run)
    sizes = {"num_layers": 1, "num_channels": 2, "kernel_size": 3, "vocab_size": 256}
    assert plain["model"] == {"kind": "convnet", **sizes, "dropout": 0.0}
    assert plain["eval"] == {}
    assert "micro_batch_size" not in plain["train"]
    assert dict(flat(plain))["eval"] == {}
    assert from_plain(unflat(finite(dict(flat(plain))))).train.clip_norm == math.inf


VALID: dict[str, Any] = {
    "seed": 1,
    "model.kind": "convnet",
    "model.num_layers": 1,
    "model.num_channels": 2,
    "data.kind": "python_source",
    "data.seq_len": 4,
    "optimizer.kind": "sgd",
    "optimizer.lr": 1,
    "schedule.kind": "constant",
    "train.num_steps": 1,
    "train.batch_size": 1,
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sed": 1}, "sed: unknown name; Run has seed, model, "),
        ({"model.num_heads": 1}, "model.num_heads: unknown name; Convnet has num_layers, "),
        ({"model.kind": "gptt"}, "model: expected kind gpt or convnet, got str 'gptt'"),
        ({"model.kind": []}, "model: expected kind gpt or convnet, got list []"),
        ({"seed": True}, "seed: expected a whole number, got bool True"),
        ({"seed": 1.0}, "seed: expected a whole number, got float 1.0"),
        ({"seed": -1}, "seed: 'seed' must be >= 0: -1"),
        ({"optimizer.lr": "fast"}, "optimizer.lr: expected a number, got str 'fast'"),
        ({"optimizer": 3}, "optimizer: expected a table, got int 3"),
        ({"eval": []}, "eval: expected a table, got list []"),
        ({"train.device": "gpu"}, "train.device: expected auto or cpu or cuda, got str 'gpu'"),
        ({"data.kind": "text_files", "data.paths": "*.txt"}, "data.paths: expected a list, got str '*.txt'"),
        ({"data.kind": "text_files", "data.paths": [1]}, "data.paths: expected a string, got int 1"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(change: dict[str, Any], said: str) -> None:
    assert from_plain(unflat(VALID)).optimizer == Sgd(lr=1.0)
    values = {key: value for key, value in VALID.items() if not any(key.startswith(f"{name}.") for name in change)}
    with pytest.raises(Misfit) as refusal:
        from_plain(unflat({**values, **change}))
    assert located(refusal.value).startswith(said)


def test_what_is_required_is_missed() -> None:
    for missing in ("seed", "model.num_layers"):
        values = {key: value for key, value in VALID.items() if key != missing}
        with pytest.raises(Misfit) as refusal:
            from_plain(unflat(values))
        assert located(refusal.value) == f"{missing}: required, and not there"


@given(st.dictionaries(st.text(min_size=1), st.dictionaries(st.text(), st.integers(), min_size=1)))
def test_dotted_names_come_back_whatever_the_parts_are(tree: dict[str, dict[str, int]]) -> None:
    assert unflat(dict(flat(tree))) == tree


@pytest.mark.parametrize("key", ["", "a.", ".a", "a..b", 'a."b', "a b"])
def test_what_is_no_dotted_name_is_refused(key: str) -> None:
    with pytest.raises(Misfit, match="is no dotted name"):
        unflat({key: 1})


def test_a_name_is_a_value_or_a_table() -> None:
    with pytest.raises(Misfit, match=r"a\.b and a value above it are both set"):
        unflat({"a": 1, "a.b": 2})
