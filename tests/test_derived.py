"""The project's own derived fields, classes and fingerprints, in TOML and in Python."""

from pathlib import Path

import pytest

from bindings import DERIVED, SCHEMA
from bindings.experiment import fingerprints
from bindings.plain import to_plain
from falsework import load
from tests.experiments import BASELINE

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted((ROOT / "configs").glob("[0-9]*.toml"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.name)
def test_python_and_toml_give_the_same_fingerprints(path: Path) -> None:
    config = load([path], **SCHEMA)
    assert fingerprints(config.value, to_plain(config.value)) == config.fingerprints


def test_horizon_and_context_follow_from_the_length_of_training_and_of_examples(tmp_path: Path) -> None:
    lines = [line for line in BASELINE.splitlines() if not line.startswith(("total_steps", "max_positions"))]
    (tmp_path / "a.toml").write_text("\n".join(lines))
    (tmp_path / "01_baseline.toml").write_text(BASELINE)
    config, baseline = (load([tmp_path / name], **SCHEMA) for name in ("a.toml", "01_baseline.toml"))
    assert config.value == baseline.value
    for key in DERIVED.keys() - {"model.vocab_size"}:  # data of bytes has no vocabulary to follow
        assert config.origins()[key].startswith("derived ")
        assert config.origins()[key].rpartition(":")[0].endswith("bindings/derived.py")
