"""Field classes, their fingerprints, and secrets that are only named."""

import pytest
from hypothesis import given
from hypothesis.strategies import sampled_from

from falsework import ConfigError
from falsework.schema import FIELD_CLASSES
from tests.falsework.toy import on_base

CHANGES = {
    "science": ["train.seed = 1", "optimizer.kind = 'muon'\noptimizer.lr = 3e-4", "weights.web = 1", "note = ''"],
    "speed": ["train.num_threads = 2"],
    "place": ["log.every_steps = 1", "log.file = 'x'", "train.device = 'cpu'", "log.token_env = 'TOKEN'"],
}


@pytest.mark.parametrize("field_class", FIELD_CLASSES)
def test_a_change_shows_in_the_fingerprint_of_its_class_alone(field_class: str) -> None:
    before = on_base().fingerprints
    assert set(before) == set(FIELD_CLASSES)
    for change in CHANGES[field_class]:
        after = on_base(change).fingerprints
        assert {name for name in FIELD_CLASSES if before[name] != after[name]} == {field_class}


@given(sampled_from(["seed = 0", "shuffle = true", "seed = { _expr = '1 - 1' }", "device = 'auto'"]))
def test_fingerprints_are_of_values_however_they_were_said(line: str) -> None:
    assert on_base(f"[train]\n{line}").fingerprints == on_base().fingerprints


def test_a_secret_is_named_and_never_shown() -> None:
    assert on_base("log.token_env = 'WANDB_API_KEY'").value.log.token_env == "WANDB_API_KEY"
    for secret in ("'sk-s3cr3tv4lue'", "['sk-s3cr3tv4lue']", "'hf_s3cr3tv4lue'"):
        with pytest.raises(ConfigError) as error:
            on_base(f"log.token_env = {secret}")
        assert "s3cr3tv4lue" not in str(error.value)
        assert str(error.value).startswith("a.toml:1:17: log.token_env: expected the name of an environment variable")


def test_what_stands_in_the_variable_enters_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "s3cr3tv4lue")
    config = on_base("log.token_env = 'WANDB_API_KEY'")
    assert "s3cr3tv4lue" not in config.toml() + str(config.flat()) + str(config.origins()) + repr(config.value)
