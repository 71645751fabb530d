"""The resolved file: plain TOML that loads to an equal object, to the same bytes and the same fingerprint."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.falsework.toy import (
    AdamW,
    BitsPerByte,
    Completions,
    Convnet,
    Gpt,
    Log,
    Muon,
    PythonSource,
    Run,
    Train,
    load,
    on_base,
    write,
)

texts = st.text(st.characters(codec="utf-8"), max_size=12)
counts = st.integers(-(2**63), 2**63 - 1)
numbers = st.floats(allow_nan=False)
rates = st.floats(min_value=0, exclude_min=True, allow_nan=False)
names = st.one_of(st.sampled_from(["a", "b-1"]), texts).filter(lambda name: name != "kind" and not name.startswith("_"))
runs = st.builds(
    Run,
    train=st.builds(Train, num_steps=st.integers(1, 2**63 - 1), seed=counts, shuffle=st.booleans(), device=texts),
    optimizer=st.one_of(
        st.builds(AdamW, lr=rates, betas=st.tuples(numbers, numbers), weight_decay=numbers),
        st.builds(Muon, lr=rates, momentum=numbers),
    ),
    model=st.one_of(
        st.builds(
            Gpt, num_layers=counts, dim=st.integers(1, 99).map(lambda n: 4 * n), max_positions=st.none() | counts
        ),
        st.builds(Convnet, num_layers=counts, channels=st.lists(counts, max_size=3).map(tuple)),
    ),
    data=st.builds(PythonSource, seq_len=counts, tags=st.lists(texts, max_size=3).map(tuple)),
    log=st.builds(Log, every_steps=counts, file=st.sampled_from([Path("a/b"), Path("/x y"), Path("ü")])),
    eval=st.dictionaries(
        names,
        st.one_of(
            st.builds(BitsPerByte, max_bytes=counts),
            st.builds(Completions, num_samples=counts, mode=st.sampled_from(["greedy", "sample"])),
        ),
        max_size=3,
    ),
    weights=st.dictionaries(names.filter(lambda name: name != "web"), numbers, max_size=3),
    note=st.none() | texts,
)


def as_layer(value: Any) -> dict[str, Any]:
    """A Run as a user would write all of it; independent of the code under test."""
    kinds = {AdamW: "adamw", Muon: "muon", Gpt: "gpt", Convnet: "convnet", PythonSource: "python_source",
             BitsPerByte: "bits_per_byte", Completions: "completions"}  # fmt: skip

    def plain(item: Any) -> Any:
        if hasattr(item, "__attrs_attrs__"):
            head = {"kind": kinds[type(item)]} if type(item) in kinds else {}
            fields = {field.name: getattr(item, field.name) for field in item.__attrs_attrs__}
            return head | {name: plain(below) for name, below in fields.items() if below is not None}
        if isinstance(item, dict):
            return {name: plain(below) for name, below in item.items()}
        if isinstance(item, tuple):
            return [plain(below) for below in item]
        return str(item) if isinstance(item, Path) else item

    tree = plain(value)
    assert isinstance(tree, dict)
    return tree


@settings(max_examples=150, deadline=None)
@given(runs)
def test_any_config_comes_back_equal_with_the_same_bytes_and_fingerprint(run: Run) -> None:
    Path("a.toml").write_text(tomli_w.dumps(as_layer(run)), encoding="utf-8", newline="")
    first = load("a.toml")
    assert first.value == run
    Path("b.toml").write_text(first.toml(), encoding="utf-8", newline="")
    second = load("b.toml")
    assert second.value == run
    assert second.fingerprint == first.fingerprint
    assert second.toml() == first.toml()
    assert first.tree == as_layer(run)


def test_schema_and_why_come_first_and_no_directive_is_left() -> None:
    config = on_base("model.max_positions = { _ref = 'data.seq_len' }")
    text = config.toml()
    assert text.startswith('schema = 1\nwhy = "the base"\n')
    assert "_ref" not in text
    assert list(tomllib.loads(text)) == ["schema", "why", *config.tree]
    write("plain.toml", "train.num_steps = 1\n")
    assert "why" not in tomllib.loads(load(write("no_why.toml", text.replace('why = "the base"\n', ""))).toml())


def test_the_fingerprint_is_of_values_only() -> None:
    first = on_base("train.seed = 0\nwhy = 'other'\nschema = 1")
    second = on_base("optimizer = { lr = 3e-4, kind = 'adamw' }")
    assert first.fingerprint == second.fingerprint == on_base("weights = {}").fingerprint
    assert first.fingerprint != on_base("train.seed = 1").fingerprint
    canonical = json.dumps(first.tree, sort_keys=True, separators=(",", ":"))
    assert first.fingerprint == hashlib.sha256(canonical.encode()).hexdigest()


def test_a_whole_number_for_a_float_is_the_same_config() -> None:
    assert on_base("optimizer.lr = 1").fingerprint == on_base("optimizer.lr = 1.0").fingerprint
