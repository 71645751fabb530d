"""Secrets in config files. The tokens have the form that their issuers document, and are nobody's."""

import time
from pathlib import Path

import pytest

from falsework import ConfigError
from falsework.layer import Layer
from falsework.leaks import hidden, leaks
from falsework.read import read_layer
from tests.falsework.toy import BASE, load, write


def layer_of(text: str) -> Layer:
    return read_layer(Path(write("x.toml", text)), "x.toml")


@pytest.mark.parametrize(
    "line",
    [
        f'note = "ghp_{"a1B2" * 9}"',
        f'note = "hf_{"aB" * 17}"',
        f"# hf_{'aB' * 17}",
        f'paths = ["AKIA{"ABCD" * 4}"]',
        'url = "https://me:hunter2@example.org/x"',
        'tracker.api_key = "0123456789abcdef"',
        'password = "hunter2"',
        'token_env = "not a variable\'s name"',
        'why = "-----BEGIN OPENSSH PRIVATE KEY-----"',
    ],
)
def test_a_secret_is_found_with_its_line(line: str) -> None:
    [leak] = leaks(layer_of(f"a = 1\n{line}\n"))
    assert leak.spot.place().line == 2
    assert "hunter2" not in leak.what


@pytest.mark.parametrize(
    "line",
    [
        'token_env = "WANDB_API_KEY"',
        "max_tokens = 4096",
        'prompts = ["def token(", "https://example.org:80/x@y"]',
        'revision = "0123456789abcdef0123456789abcdef01234567"',
        'secret_file = "secrets.txt"',
        'tokenizer = "bytes"',
        'password = ""',
    ],
)
def test_what_only_resembles_one_is_left_alone(line: str) -> None:
    assert leaks(layer_of(line)) == []


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('api_key = "0123"  # mine', 'api_key = "****"  # mine'),
        ('t = { kind = "x", access_key = ["ab"] }', 't = { kind = "x", access_key = ["**"] }'),
        ('url = "https://me:hunter2@host"', 'url = "*******************host"'),
        (f'note = "hf_{"aB" * 17}"', f'note = "{"*" * 37}"'),
        ('token_env = "WANDB_API_KEY"', 'token_env = "WANDB_API_KEY"'),
        ('tokenizer = "bytes"', 'tokenizer = "bytes"'),
        ("max_token = 3", "max_token = 3"),
    ],
)
def test_a_line_is_shown_without_its_secret(line: str, shown: str) -> None:
    assert hidden(line) == shown


def test_an_error_shows_no_secret_and_keeps_its_caret() -> None:
    write("base.toml", BASE)
    write("a.toml", 'log = { api_key = "hunter2", lines = "https://me:hunter2@host" }')
    with pytest.raises(ConfigError) as caught:
        load("base.toml", "a.toml")
    said = str(caught.value).splitlines()
    assert "hunter2" not in str(caught.value)
    assert said[0] == "a.toml:1:9: log.api_key: unknown key"
    assert said[1][said[2].index("^") :].startswith('api_key = "*******"')


@pytest.mark.parametrize("text", ["a" * 900_000, "9" * 900_000, "a=" * 400_000, "a = '" * 200_000, "://" * 300_000])
def test_a_long_line_takes_no_long_time(text: str) -> None:
    start = time.process_time()
    assert hidden(text) == text
    assert time.process_time() - start < 2
