"""The position scanner on toml-test, the suite that every TOML parser is held to, and against toml-rs's own positions.

The suite is not kept here: tomlkit's source distribution ships it, and pip fetches that, known by its hash.
"""

import hashlib
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import toml_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from falsework import ConfigError
from falsework.places import Path as KeyPath
from falsework.places import Span
from falsework.read import read_layer
from falsework.scan import place_of, scan
from tests.falsework.test_places import EVERYTHING, sections

SUITE = "tomlkit==0.15.2"
SHA256 = "83e32755ba1d20d9340bd069ee97e9f6232ba2346b63ffcba425de01f7e327a6"
RESERVED = ("extends", "schema", "why")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `tests` of toml-test."""
    folder = tmp_path_factory.mktemp("suite")
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", SUITE]
    done = subprocess.run(fetch, cwd=folder, capture_output=True, text=True, timeout=200, check=False)
    archives = list(folder.glob("*.tar.gz"))
    if not archives:
        pytest.skip(f"no package index gives {SUITE}: {done.stderr.strip().splitlines()[-1:]}")
    assert hashlib.sha256(archives[0].read_bytes()).hexdigest() == SHA256
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    (tests,) = folder.glob("*/tests/toml-test/tests")
    return tests


def files_of(suite: Path, folder: str) -> list[Path]:
    names = (suite / "files-toml-1.0.0").read_text().split()
    return [suite / name for name in names if name.startswith(folder) and name.endswith(".toml")]


def values_of(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every value of a document with its path: tables and lists, and all in them."""
    if path:
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from values_of(item, (*path, key))


def assert_placed(text: str) -> int:
    """Each value has one place, there stands the value, and nothing else has a place. Returns how many there are."""
    document, places = tomllib.loads(text), scan(text)
    values = dict(values_of(document))
    for path, span in places.values.items():
        again = tomllib.loads(f"x = {text[slice(*span)]}")["x"]
        assert repr(again) == repr(values[path]), path  # repr: nan is not nan, 1 is not 1.0
    for path, span in places.keys.items():
        name = tomllib.loads(f"{text[slice(*span)]} = 0")
        assert list(name) == [path[-1]]
    for path in values:
        is_made_by_header = any(header[: len(path)] == path for header in places.headers)
        is_made_by_dots = any(key[: len(path)] == path and key != path for key in places.keys)
        assert path in places.values or is_made_by_header or is_made_by_dots, path
    assert places.keys.keys() | places.headers.keys() <= values.keys()
    return len(places.values)


def leaves_of_rust(node: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str, int, int]]:
    """What toml-rs says of each key that has a value: its path, the value's text, its line, its column in bytes."""
    for name, below in node.items():
        if isinstance(below.get("key_raw"), str) and "value_raw" in below:
            first = [below[key] for key in ("value_line", "value_col")]
            line, column = (number[0] if isinstance(number, tuple) else number for number in first)
            yield (*path, name), below["value_raw"], line, column
        elif not isinstance(below.get("key_raw"), str):
            yield from leaves_of_rust(below, (*path, name))


def assert_agrees_with_rust(text: str) -> int:
    """Both find the same text at the same place, for each leaf that toml-rs places. Returns how many it does."""
    places, document = scan(text), toml_rs.load_with_metadata(text, toml_version="1.0.0")
    found = list(leaves_of_rust(document.meta["nodes"]))
    for path, raw, line, column in found:
        span = places.values[path]
        start = place_of(text, span)
        before = text.split("\n")[start.line - 1][: start.col - 1]
        assert (text[slice(*span)], start.line, len(before.encode()) + 1) == (raw, line, column), path
    return len(found)


@pytest.mark.slow
def test_every_valid_file_of_the_suite_has_its_values_where_they_stand(suite: Path) -> None:
    files, num_values, num_agreed = files_of(suite, "valid/"), 0, 0
    assert len(files) > 200
    for file in files:
        text = file.read_bytes().decode().removeprefix("\ufeff").replace("\r\n", "\n")
        num_values += assert_placed(text)
        num_agreed += assert_agrees_with_rust(text)
    assert num_values > 800
    assert num_agreed > 400


@pytest.mark.slow
def test_every_valid_file_of_the_suite_is_read_and_every_invalid_one_is_one_located_error(suite: Path) -> None:
    for file in files_of(suite, "valid/"):
        layer = read_layer(file, file.name)
        document = tomllib.loads(layer.text)
        assert repr(layer.values) == repr({key: document[key] for key in document if key not in RESERVED})
    invalid = files_of(suite, "invalid/")
    assert len(invalid) > 400
    for file in invalid:
        with pytest.raises(ConfigError) as caught:
            read_layer(file, file.name)
        (problem,) = caught.value.problems
        assert str(caught.value).startswith(f"{file.name}:")
        assert problem.spot is not None, file
        assert 1 <= problem.spot.place().line <= problem.spot.layer.text.count("\n") + 1


def test_toml_rs_and_the_scanner_agree_on_a_file_with_everything() -> None:
    assert assert_placed(EVERYTHING) > 20
    assert assert_agrees_with_rust(EVERYTHING) > 10


@settings(max_examples=150, deadline=None)
@given(st.lists(sections, max_size=4))
def test_toml_rs_and_the_scanner_agree_on_any_document(document: list[tuple[str, list[Any]]]) -> None:
    text = "".join(header + "".join("".join(pair) for pair in pairs) for header, pairs in document)
    try:
        expected = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert repr(toml_rs.loads(text, toml_version="1.0.0")) == repr(expected)
    assert_placed(text)
    assert_agrees_with_rust(text)


def test_a_span_is_where_the_text_says() -> None:
    text = '"ü" = "é" # x\n'
    assert scan(text).values[("ü",)] == Span(6, 9)
    assert assert_agrees_with_rust(text) == 1
