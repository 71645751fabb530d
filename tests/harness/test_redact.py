"""What looks like a secret is found, and what does not stays as it is. The secrets here are made up."""

import pytest
from hypothesis import given
from hypothesis.strategies import binary

from harness import redact
from harness.redact import clean_bytes, clean_command, is_secret_file, without_secrets

TAIL = "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8"
SECRETS = [
    "ghp_" + TAIL,
    "hf_" + TAIL,
    "glpat-" + TAIL[:20],
    "AKIA" + "A1B2C3D4E5F6G7H8",
    "AIza" + TAIL[:35],
    "xoxb-" + TAIL,
    "sk-" + TAIL,
    "eyJ" + TAIL[:12] + ".eyJ" + TAIL[:12] + "." + TAIL[:10],
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["{}", 'key = "{}"', "x {} y", "https://host/?q={}&b=1"])
def test_issued_secrets_are_left_out(secret: str, around: str) -> None:
    text, found = without_secrets(around.format(secret))
    assert secret not in text
    assert len(found) == 1


@pytest.mark.parametrize(
    "line", ['API_KEY = "{}"', "export MY_TOKEN={}", '{{"password": "{}"}}', "db-secret: {}", "x_credentials={}"]
)
def test_random_values_behind_telling_names_are_left_out(line: str) -> None:
    text, found = without_secrets(line.format(TAIL))
    assert TAIL not in text
    assert found == ["what its name calls a secret"]
    assert text.startswith(line[:4].replace("{{", "{"))


def test_a_private_key_is_left_out_to_its_end() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + "QUJD\n" * 50 + "-----END RSA PRIVATE KEY-----"
    assert without_secrets(f"before\n{key}\nafter") == ("before\n[left out: a private key]\nafter", ["a private key"])


def test_a_password_in_an_address_is_left_out() -> None:
    assert "hunter2" not in without_secrets("postgresql://me:hunter2@db/x")[0]
    assert without_secrets("https://host:8080/a@b")[1] == []


@pytest.mark.parametrize(
    "text",
    [
        'token_env = "WANDB_API_KEY_2024_XYZ"',
        '"train/token": 0.00029999849999999995',
        "num_tokens = 1234567890123456789",
        "token = tokenizer.encode_without_special_tokens(text)",
        "secret: see the section on key management",
        "def password_of(user): ...",
        "sha256 = '" + "0f" * 32 + "'",
        "risk-free task-3 desk-1",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert without_secrets(text) == (text, [])


@given(binary(max_size=300))
def test_bytes_of_any_encoding_come_back_unless_something_was_found(content: bytes) -> None:
    cleaned, found = clean_bytes(content)
    assert found or cleaned == content


def test_a_command_line_loses_the_values_of_telling_flags_whatever_they_look_like() -> None:
    command = ["train.py", "--api-key", "plain", "--hub_token=x", "A=ghp_" + TAIL, "--tokenizer", "bpe", "--token"]
    assert clean_command(command) == [
        "train.py", "--api-key", "[left out]", "--hub_token=[left out]", "A=[left out: a token of GitHub]",
        "--tokenizer", "bpe", "--token",
    ]  # fmt: skip


def test_files_for_secrets_are_known_by_name() -> None:
    names = [".env", ".env.local", "prod.env", "server.pem", "ID_RSA", "id_ed25519.pub", "secrets.toml", ".netrc"]
    assert all(map(is_secret_file, names))
    assert not any(map(is_secret_file, ["environment.py", "keys.py", "token.py", "model.py", "secretary.md"]))


def test_text_is_searched_for_every_issuer() -> None:
    assert list(redact._MARKS) == list(redact.ISSUED)
