"""The scanner against tomllib: same shape, and every slice of the text means what tomllib says the value is."""

import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from falsework.places import MAX_DEPTH, Lost, Path
from falsework.scan import place_of, scan

EVERYTHING = r"""
# a comment with [brackets] and "quotes
title = "basic \" string" # trailing
'literal key' = 'C:\path\'
"quoted \u006bey" = 1
"" = "empty key"
dotted.a."b c".d = 1_000
spaced . key = 0xff

[table]
multi = AAA
[not.a.header]
key = "not a key"
AAA
basic = QQQ
two quotes "" and one at the end "\"
\
   continued"QQQ
five = AAA''fiveAAA''
when = 1979-05-27 07:32:00.999-07:00
local = 07:32:00
negative = -inf

[table.sub]   # header comment
list = [
  1, 2, # two
  [3.5, "x]"], { inline = { deep = true }, "q.q" = [] },
]
empty = {}

[[fruit]]
name = "apple"
[fruit.physical]
color = "red"
[[fruit.variety]]
name = "red delicious"
[[fruit.variety]]
name = "granny"

[[fruit]]
name = "banana"
[[fruit.variety]]
name = "plantain"
""".replace("AAA", "'" * 3).replace("QQQ", '"' * 3)  # what delimits strings in both languages


def leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Every leaf of a parsed document by path; empty tables and lists are leaves."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: dict[Path, Any] = {}
    for key, item in items:
        found |= leaves(item, (*path, key))
    return found or {path: value}


def assert_agrees(text: str) -> None:
    places = scan(text)
    for path, value in leaves(tomllib.loads(text)).items():
        if value in ({}, []) and path not in places.values:
            assert path in places.headers or not path, path
            continue
        start, end = places.values[path]
        again = tomllib.loads(f"x = {text[start:end]}")["x"]
        assert again == value or repr(again) == repr(value), path  # nan
    assert not places.repeats


def test_every_form_of_toml_has_the_place_of_its_value() -> None:
    assert_agrees(EVERYTHING)


def test_scanner_and_tomllib_see_the_same_leaves() -> None:
    scanned = {path for path, span in scan(EVERYTHING).values.items()}
    assert set(leaves(tomllib.loads(EVERYTHING))) == {
        path for path in scanned if not any(other[: len(path)] == path and other != path for other in scanned)
    }


def test_keys_and_headers_are_where_they_are_written() -> None:
    text = 'a.b = 1\n[x."y z"]\n  key = "v"\n[[t]]\nk = 2\n[[t]]\nk = 3\n'
    places = scan(text)
    slices = {path: text[slice(*span)] for path, span in places.keys.items()}
    assert slices == {
        ("a",): "a",
        ("a", "b"): "b",
        ("x",): "x",
        ("x", "y z"): '"y z"',
        ("x", "y z", "key"): "key",
        ("t",): "t",
        ("t", 0, "k"): "k",
        ("t", 1, "k"): "k",
    }
    headers = {path: (place_of(text, span).line, text[slice(*span)]) for path, span in places.headers.items()}
    assert headers == {("x", "y z"): (2, '[x."y z"]'), ("t", 0): (4, "[[t]]"), ("t", 1): (6, "[[t]]")}


def test_columns_count_characters_from_one() -> None:
    text = '"ü" = "é" # x\n"日本" = 12\n'
    places = scan(text)
    assert place_of(text, places.values[("ü",)]) == (1, 7, 10)
    assert place_of(text, places.keys[("日本",)]) == (2, 1, 5)
    assert place_of(text, places.values[("日本",)]) == (2, 8, 10)


def test_a_value_of_several_lines_is_shown_on_its_first() -> None:
    text = 'a = """x\ny"""\n'
    assert place_of(text, scan(text).values[("a",)]) == (1, 5, 9)


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("a = 1\nb = 2\na = 3\n", 1, 3),
        ("[t]\nx = 1\n[u]\n[t]\n", 1, 4),
        ("t.a = 1\n[x]\n[t]\nt = {k = 1, k = 2}\n", 4, 4),
    ],
)
def test_what_is_said_twice_is_found(text: str, first: int, second: int) -> None:
    [(_, one, two)] = scan(text).repeats
    assert (place_of(text, one).line, place_of(text, two).line) == (first, second)


@pytest.mark.parametrize("text", ["a", "a = ", "a = [1", 'a = "x', "[a", "a = {b = 1", "= 1", "a = [1 2]", "[[a]"])
def test_text_that_is_no_toml_is_lost_not_looped_over(text: str) -> None:
    with pytest.raises(Lost):
        scan(text)


def test_nesting_is_bounded() -> None:
    depth = MAX_DEPTH + 10
    with pytest.raises(Lost, match="deep"):
        scan("a = " + "[" * depth + "]" * depth)


scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8")),
    st.datetimes(),
    st.dates(),
    st.times(),
)
keys = st.one_of(st.sampled_from("abc"), st.text(st.characters(codec="utf-8"), max_size=5))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))
documents = st.dictionaries(keys, values, max_size=5)


@settings(max_examples=150, deadline=None)
@given(documents, st.booleans())
def test_any_document_that_tomli_w_writes_is_placed(document: dict[str, Any], is_multiline: bool) -> None:
    assert_agrees(tomli_w.dumps(document, multiline_strings=is_multiline).replace("\r\n", "\n"))


bare = st.sampled_from(["a", "b", "k-1", "'l i t'", '"q\\t"'])
plain = st.sampled_from(["1", "-0.5e3", "true", "'#'", '"]"', '"""m"" """', "'''\n]'''", "1979-05-27 07:32:00", "[]"])
inline = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[ # c ]\n" + " , # x,\n".join(items) + " \n]"),
        st.lists(inner, max_size=2).map(
            lambda items: "{" + ",".join(f" k{i}.y = {x} " for i, x in enumerate(items)) + "}"
        ),
    ),
    max_leaves=6,
)
pairs = st.tuples(bare, st.sampled_from([" = ", "=", " .z\t=  "]), inline, st.sampled_from(["\n", " # c = 'd'\n\n"]))
sections = st.tuples(
    st.sampled_from(["", "[t]\n", "[ t . u ] # [v]\n", "[[r]]\n", "[[r.s]]\n", "[r.t]\n"]), st.lists(pairs)
)


@settings(max_examples=300, deadline=None)
@given(st.lists(sections, max_size=4))
def test_any_handwritten_document_that_tomllib_accepts_is_placed(document: list[tuple[str, list[Any]]]) -> None:
    text = "".join(header + "".join("".join(pair) for pair in pairs) for header, pairs in document)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert_agrees(text)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab[]{}=.,\"'\\\n #1-"), max_size=40))
def test_text_of_any_kind_ends_in_places_or_lost(text: str) -> None:
    try:
        scan(text)
    except Lost:
        with pytest.raises(tomllib.TOMLDecodeError):
            tomllib.loads(text)
