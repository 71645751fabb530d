"""TOML as people write it: it parses to the same data, and looks as one would type it."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from falsework.write import layer_text, spelled

keys = st.text(st.characters(codec="utf-8"), max_size=8)
scalars = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(st.characters(codec="utf-8"))
)
leaves = st.one_of(scalars, st.lists(scalars, max_size=4))
directives = st.sampled_from([{"_ref": "a.b"}, {"_unset": True}, {"_append": [1, 2]}, {"_prepend": ["x"]}])
tables = st.recursive(
    st.dictionaries(keys, leaves | directives, max_size=3),
    lambda below: st.dictionaries(keys, below | leaves, max_size=3),
    max_leaves=8,
)


@given(tables, st.dictionaries(st.sampled_from(["extends", "why"]), st.text(st.characters(codec="utf-8"))))
def test_it_parses_to_the_same_data(tree: dict[str, Any], head: dict[str, Any]) -> None:
    head = {key: value for key, value in head.items() if key not in tree}
    parsed = tomllib.loads(layer_text(head, tree))
    assert parsed == {**head, **tree}
    assert repr(tomllib.loads(f"x = {spelled(tree)}")) == repr({"x": tree})


def test_it_looks_as_one_would_type_it() -> None:
    values = {
        "seed": 1,
        "optimizer": {"lr": 0.001, "kind": "muon"},
        "model": {"max_positions": {"_ref": "data.seq_len"}},
        "eval": {"completions": {"_unset": True}, "held out": {"kind": "bits_per_byte"}},
    }
    assert layer_text({"extends": "01_a.toml", "why": 'is "it"?'}, values) == (
        'extends = "01_a.toml"\n'
        'why = "is \\"it\\"?"\n'
        "\n"
        "seed = 1\n"
        "\n"
        "[optimizer]\n"
        'kind = "muon"\n'
        "lr = 0.001\n"
        "\n"
        "[model]\n"
        'max_positions = { _ref = "data.seq_len" }\n'
        "\n"
        "[eval]\n"
        "completions = { _unset = true }\n"
        "\n"
        '[eval."held out"]\n'
        'kind = "bits_per_byte"\n'
    )


def test_a_long_list_is_broken() -> None:
    text = layer_text({}, {"words": ["a" * 50, "b" * 50, "c" * 50]})
    assert max(map(len, text.splitlines())) < 60
    assert len(tomllib.loads(text)["words"]) == 3
