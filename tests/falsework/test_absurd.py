"""Files that nobody writes in earnest: each is one report, soon and in little memory, whatever is in it."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.falsework.toy import BASE, first_lines, helps, on_base_wrong, problems, write

SECONDS = 6  # of processor time, on a slow machine
MEGABYTES = 400

# Up to a third of the largest file that is read at all: what is quadratic in any part of it takes minutes.
ABSURD: dict[str, Callable[[], str]] = {
    "unknown keys": lambda: "".join(f"k{n} = 1\n" for n in range(15_000)),
    "unknown keys of a kind": lambda: '[model]\nkind = "gpt"\n' + "".join(f"k{n} = 1\n" for n in range(15_000)),
    "tables": lambda: "".join(f'[eval.t{n}]\nkind = "bits_per_byte"\nmax_bytes = "x"\n' for n in range(4_000)),
    "tables that nobody knows": lambda: "".join(f"[t{n}]\nx = 1\n" for n in range(10_000)),
    "deep tables": lambda: "".join(f"[{'.'.join('a' * 60)}{n}]\n" for n in range(3_000)),
    "ties to nothing": lambda: "[weights]\n" + "".join(f'a{n} = {{ _ref = "b{n}" }}\n' for n in range(6_000)),
    "ties in a chain": lambda: (
        "[weights]\n" + "".join(f'a{n} = {{ _ref = "weights.a{n + 1}" }}\n' for n in range(15_000))
    ),
    "formulas that are wrong": lambda: "[weights]\n" + "".join(f'a{n} = {{ _expr = "1 +" }}\n' for n in range(6_000)),
    "values that are wrong": lambda: "[weights]\n" + "".join(f"a{n} = true\n" for n in range(15_000)),
    "one long list": lambda: "[data]\ntags = [" + "1," * 80_000 + "]\n",
    "kinds that nobody knows": lambda: "".join(f'[eval.t{n}]\nkind = "bits"\n' for n in range(6_000)),
    "kinds that nobody knows, for every table": lambda: (
        "".join(f'[eval.t{n}]\nkind = "bits_per_byte"\n' for n in range(4_000))
        + "".join(f"[eval._every._when.k{n}]\nx = 1\n" for n in range(4_000))
    ),
    "keys that nobody knows, for every table": lambda: (
        "".join(f'[eval.t{n}]\nkind = "bits_per_byte"\n' for n in range(4_000))
        + "[eval._every]\n"
        + "".join(f"k{n} = 1\n" for n in range(4_000))
    ),
    "one long line": lambda: "train.seed = [" + "{}," * 80_000 + "]",
    "keys said twice": lambda: "a = 1\n" * 150_000,
    "bases": lambda: "extends = [" + '"base.toml", ' * 15_000 + "]\n",
    "open brackets": lambda: "x = [\n" * 60 + "# \n" * 80_000,
    "quotes": lambda: '"' * 900_000,
    "a word without quotes": lambda: "x = " + "y" * 900_000,
    "blanks": lambda: "x = 1" + " " * 900_000 + "y",
}

LOAD = """
import sys, time
sys.path[:0] = {path!r}
from tests.falsework.toy import load
from falsework import ConfigError
start = time.process_time()
try:
    load("base.toml", "a.toml").origins()
    report = "loads"
except ConfigError as error:
    report = str(error)
print(len(report), report.endswith("nothing was run") or report == "loads", time.process_time() - start)
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ABSURD)
def test_the_largest_files_are_answered_soon_and_shortly(what: str) -> None:
    write("base.toml", BASE)
    Path("a.toml").write_text(ABSURD[what]())
    limit = MEGABYTES * 2**20
    done = subprocess.run(
        [sys.executable, "-c", LOAD.format(path=sys.path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),  # no threads here
    )
    assert done.stderr == ""
    length, is_report, seconds = done.stdout.split()
    assert is_report == "True"
    assert int(length) < 20_000
    assert float(seconds) < SECONDS


def test_what_is_no_file_is_refused_at_once_and_not_suggested() -> None:
    os.mkfifo("pipe.toml")
    Path("zero.toml").symlink_to("/dev/zero")
    Path("self.toml").symlink_to("self.toml")
    Path("folder.toml").mkdir()
    write("base.toml", BASE)
    start = time.monotonic()
    for name in ("pipe.toml", "zero.toml", "self.toml", "folder.toml"):
        (problem,) = problems(name)
        assert "cannot be read" in problem.what
        assert name not in problem.help
        write("a.toml", f'extends = ["base.toml", "{name}"]')
        assert first_lines("a.toml")[0].startswith(f"a.toml:1:25: extends: {name}: cannot be read")
    assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret.env", "base.TOML", "base"])
def test_only_toml_files_are_extended_so_that_no_error_shows_a_line_of_another_file(name: str) -> None:
    write("a.toml", f'note = "x"\nextends = "{name}"')
    assert first_lines("a.toml") == [f"a.toml:2:11: extends: {name}: not a TOML file, by its name"]


def test_too_many_layers_are_told_with_a_place() -> None:
    write("base.toml", BASE)
    write("a.toml", "extends = [" + '"base.toml", ' * 300 + "]")
    assert first_lines("a.toml") == ["a.toml:1:1: extends: over 256 layers"]


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**40])
def test_a_whole_number_has_64_bits(number: int) -> None:
    [line] = on_base_wrong(f"[train]\nseed = {number}")
    assert line.startswith("a.toml:2:8: train.seed: expected a whole number of 64 bits, got ")
    assert on_base_wrong(f"model.max_positions = {number}")[0].startswith("a.toml:1:23: model.max_positions: expected")
    assert on_base_wrong("train.seed = 0x" + "f" * 5000) == [
        "a.toml:1:14: train.seed: expected a whole number of 64 bits, got a number of over 40 digits"
    ]


def test_a_number_of_thousands_of_digits_has_its_place() -> None:
    lines = on_base_wrong('note = "1"\ntrain.seed = ' + "9" * 5000)
    assert lines == ["a.toml:2:14: not TOML: a number of 5,000 digits"]
    lines = on_base_wrong("train.seed = " + "9" * 5000 + "\nnote = [")
    assert lines == ["a.toml:1:14: not TOML: a number of 5,000 digits"]


def test_of_very_many_mistakes_the_first_ones_still_have_their_help() -> None:
    found = helps("".join(f"note{n} = 1\n" for n in range(2_000)))
    assert found[0] == "did you mean note?"
    assert len(found) == 2_000
