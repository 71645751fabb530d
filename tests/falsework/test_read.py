"""One file: what is read from it, and where the error points when it cannot be."""

import os
import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsework import ConfigError
from falsework.read import MAX_BYTES, read_layer
from tests.falsework.toy import BASE, first_lines, load, problems, write


def test_a_byte_order_mark_and_crlf_change_nothing() -> None:
    Path("a.toml").write_bytes(b'\xef\xbb\xbf# c\r\n[t]\r\nx = "v"\r\n')
    layer = read_layer(Path("a.toml"), "a.toml")
    assert layer.values == {"t": {"x": "v"}}
    assert layer.text[slice(*layer.places.values[("t", "x")])] == '"v"'
    assert layer.data.startswith(b"\xef\xbb\xbf# c\r\n")


def test_a_text_that_was_read_before_gives_values_of_its_own_and_a_changed_one_its_new_ones() -> None:
    text = 'n = 1\nx = [inf, -0.0, 1e300, true, "é\\u0000", 9223372036854775808]\n[t]\nx = [{ y = [] }]\n'
    Path("a.toml").write_text(text)
    expected = repr(tomllib.loads(text))
    first = read_layer(Path("a.toml"), "a.toml").values
    assert repr(first) == expected
    first["x"].clear()
    first["t"]["x"][0]["y"].append(1)
    second = read_layer(Path("a.toml"), "a.toml").values
    assert repr(second) == expected
    second["x"].clear()
    second["t"]["x"][0]["y"].append(1)
    assert repr(read_layer(Path("a.toml"), "a.toml").values) == expected
    Path("a.toml").write_text(text.replace("n = 1", "n = 2"))
    assert read_layer(Path("a.toml"), "a.toml").values["n"] == 2


def test_bytes_that_are_no_utf8_are_pointed_at() -> None:
    Path("a.toml").write_bytes(b'why = "ok"\r\nnote = "\xffx"\n')
    assert first_lines("a.toml") == ["a.toml:2:9: not UTF-8 text: here stands the byte 0xff"]


def test_a_syntax_error_has_the_place_that_tomllib_gives() -> None:
    Path("a.toml").write_text("[train]\nseed = 1 2\n")
    assert first_lines("a.toml") == ["a.toml:2:10: not TOML: expected the end of the line after a value"]


def test_a_file_that_ends_too_early_is_pointed_at_its_end() -> None:
    Path("a.toml").write_text('[train]\ndevice = """cpu\n')
    [line] = first_lines("a.toml")
    assert line.startswith("a.toml:2:16: not TOML: ")


@pytest.mark.parametrize(
    ("text", "first_line"),
    [
        ("a = 1\nb = 2\n a = [1,\n 2]\n", "a.toml:3:2: a: set twice; first on line 1"),
        ("[t]\nx = 1\n[u]\n[t]\ny = 1\n", "a.toml:4:1: t: set twice; first on line 1"),
        ("x = {k = 1, k = 2}\n", "a.toml:1:13: x.k: set twice; first on line 1"),
        ("t = 1\n\n[t]\n", "a.toml:3:1: t: set twice; first on line 1"),
        ("t = 1\nt.x = 2\n", "a.toml:2:1: t: set twice; first on line 1"),
        ("[o]\nt = { y = 1 }\n[o.t.x]\n", "a.toml:3:4: o.t: set twice; first on line 2"),
    ],
)
def test_what_is_set_twice_is_pointed_at_with_the_first_line(text: str, first_line: str) -> None:
    Path("a.toml").write_text(text)
    assert first_lines("a.toml") == [first_line]


@pytest.mark.parametrize(
    ("text", "first_line"),
    [
        ("schema = '1'", 'a.toml:1:10: schema: expected a whole number from 1, got the string "1"'),
        ("schema = true", "a.toml:1:10: schema: expected a whole number from 1, got true"),
        ("why = 3", "a.toml:1:7: why: expected a sentence, got the number 3"),
        ("extends = [1]", "a.toml:1:11: extends: expected a file name or a list of them"),
    ],
)
def test_reserved_keys_have_their_types(text: str, first_line: str) -> None:
    Path("a.toml").write_text(text)
    assert first_lines("a.toml") == [first_line]


def test_a_file_of_ten_megabytes_is_refused_unparsed() -> None:
    Path("a.toml").write_bytes(b"x = 1\n" * (10 * MAX_BYTES // 6))
    assert first_lines("a.toml") == ["a.toml: larger than 1 MB; so much text is data, not config"]


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000 + "]" * 5000,
        "a = " + "[" * 100 + "]" * 100,
        "a = " + "{x = " * 100 + "1" + "}" * 100,
        "[" + ".".join("a" * 10_000) + "]",
        "\n".join("[" + ".".join("a" * depth) + "]" for depth in range(1, 500)),
        "\n".join("[[" + ".".join("a" * depth) + "]]" for depth in range(1, 60)),
        ".".join("a" * 100_000) + " = 1",
        "x = " + "9" * 10_000,
    ],
    ids=["lists", "fewer lists", "inline", "dotted header", "headers", "arrays of tables", "dotted key", "digits"],
)
def test_absurd_files_are_one_clear_error(text: str) -> None:
    Path("a.toml").write_text(text)
    assert len(problems("a.toml")) == 1


def test_tables_of_thousands_of_levels_are_refused_in_the_same_words_each_time() -> None:
    keys = ".".join("a" * 60)
    Path("a.toml").write_text(f"x = {f'{{ {keys} = ' * 60}1{' }' * 60}")
    said = [first_lines("a.toml") for _ in range(3)]
    assert said == [["a.toml: tables or lists are nested over 64 deep"]] * 3


DOTS = ".".join(["ab"] * 80)


@pytest.mark.parametrize(
    "text",
    [
        f"# {DOTS}",
        f'note = "{DOTS}"',
        f"note = '{DOTS}' # {DOTS}",
        f'note = """\n{DOTS}\n\\"""{DOTS}"\n"""\n',
        f"note = '''\n{DOTS}\n'''",
        f'extends = []  # "\nnote = "\\"{DOTS}"',
    ],
)
def test_dots_in_a_text_or_a_comment_are_no_key(text: str) -> None:
    write("base.toml", text + "\n" + BASE)
    load("base.toml")


def test_a_quoted_key_is_one_part_however_many_dots_it_has() -> None:
    write("base.toml", BASE)
    write("a.toml", f'"{DOTS}" = 1')
    assert first_lines("base.toml", "a.toml") == [f'a.toml:1:1: "{DOTS}": unknown key']
    Path("a.toml").write_text(f'x = 1\n{{ "{DOTS}".{DOTS} = 1 }}')
    assert first_lines("base.toml", "a.toml") == ["a.toml:2:3: a dotted key of over 64 parts"]


@pytest.mark.parametrize("word", ["x", '"', "'", '"a', '\\"', '"""\\', " ", "a.", "a .\t"])
def test_a_million_characters_before_many_dots_are_answered_at_once(word: str) -> None:
    Path("a.toml").write_text("x" + word * (900_000 // len(word)) + "." * 70)
    start = time.process_time()
    assert len(problems("a.toml")) == 1
    assert time.process_time() - start < 5  # each character that asks again reads on to the dots


def test_only_regular_files_are_opened() -> None:
    os.mkfifo("pipe.toml")
    assert first_lines("pipe.toml") == [
        "pipe.toml: cannot be read: it is not a regular file (named on the command line)",
    ]


LINES = """
[train]
[model]
[model._when.gpt]
[eval._every]
[eval._every._when.completions]
[eval.x]
[[eval.x]]
[eval.x.mode]
[optimizer]
[data]
[weights]
[train.seed]
[_when.x]
_unset = true
_ref = 1
_every = 3
_when = []
kind = "gpt"
kind = "completions"
kind = 1
lr = nan
mode = 'x'
seed = { _ref = "train.seed" }
note = { _ref = "note" }
num_layers = { _unset = true, _ref = 'x' }
x = {_append = [1]}
tags = {_append = 1}
train = 1
weights = {a = 1, b = {}}
"" = 1
extends = "a.toml"
""".splitlines()
documents = st.one_of(
    st.binary(max_size=60),
    st.text(st.sampled_from("ab_[]{}=.,\"'\\ \n#1-"), max_size=60).map(str.encode),
    st.lists(st.sampled_from(LINES), max_size=12).map(lambda lines: "\n".join(lines).encode()),
)


@settings(max_examples=400, deadline=None)
@given(documents)
def test_no_bytes_give_anything_but_a_config_or_a_config_error(data: bytes) -> None:
    write("base.toml", BASE)
    Path("a.toml").write_bytes(data)
    for names in (["a.toml"], ["base.toml", "a.toml", "a.toml"]):
        try:
            load(*names).origins()
        except ConfigError as error:
            report = str(error)
            assert report.endswith("nothing was run")  # either answer is right
