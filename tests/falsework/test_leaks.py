"""Secrets in config files. The tokens have the form that their issuers document, and are nobody's."""

from pathlib import Path

import pytest

from falsework.layer import Layer
from falsework.leaks import leaks
from falsework.read import read_layer
from tests.falsework.toy import write


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
