"""Every block of docs/data.md: loaded, built, and trained by the real command; on two processes, and resumed."""

import json
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bindings import SCHEMA
from bindings.examples import examples_of, facts_of
from falsework import load
from zoo.write_shards import write_shards

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text("utf-8")
BLOCKS = {kind: block for block, kind in re.findall(r'```toml\n(\[data\]\nkind = "(\w+)".*?)```', PAGE, re.DOTALL)}
NUM_STEPS = 12
REST = f"""
seed = 1
[model]
kind = "gpt"
num_layers = 1
width = 16
num_heads = 2
dropout = 0.0
[optimizer]
kind = "adamw"
lr = 0.01
[schedule]
kind = "constant"
[train]
num_steps = {NUM_STEPS}
batch_size = 4
checkpoint_every_steps = 4
keep_checkpoints = 9
num_threads = 1
dry_run = "always"
"""
IN_BYTES = '[eval.held_out]\nkind = "bits_per_byte"\nstride = 32\nmax_bytes = 500\n'


def write_config(workplace: Path, kind: str) -> Path:
    """A block of the page made whole, beside the data that it names."""
    texts = [" ".join(f"{number * 7919 + index**2:x}" for index in range(60)) for number in range(12)]
    (workplace / "corpus" / "held_out").mkdir()
    (workplace / "corpus" / "rows.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    (workplace / "corpus" / "held_out" / "rows.jsonl").write_text(json.dumps({"text": texts[0]}) + "\n")
    write_shards(
        texts,
        workplace / "shards",
        encode=lambda text: list(text.encode()),
        vocab_size=257,
        separator=256,
        token_bytes=[1] * 256 + [0],
        held_out_every=6,
    )
    block = BLOCKS[kind]
    config = workplace / f"{kind}.toml"
    config.write_text(REST + block + ("" if "[eval" in block else IN_BYTES))
    return config


def test_the_page_has_a_block_of_every_kind_that_needs_settings() -> None:
    assert set(BLOCKS) == {"text_files", "token_shards", "mixture", "stream"}


@pytest.mark.parametrize("kind", BLOCKS)
def test_a_block_of_the_page_loads_and_gives_examples(
    workplace: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(workplace, kind)
    monkeypatch.chdir(workplace)
    run = load([config], **SCHEMA).value
    assert run.model.vocab_size == (257 if kind == "token_shards" else 256)
    corpus = run.data.build()
    made: tuple[Any, Any] = examples_of(run.data, corpus)
    examples, parts = made
    if kind == "stream":
        (inputs, targets), _ = examples.read({}, 3)
    else:
        inputs, targets = examples.batch(np.array([0, 1, len(examples) - 1]), np.array([0, 0, 2]))
    assert inputs.shape == targets.shape == (3, 64)
    assert inputs[:, 1:].tolist() == targets[:, :-1].tolist()
    assert [part.name for part in parts] == (["library", "notes"] if kind == "mixture" else [])
    json.dumps(facts_of(corpus), allow_nan=False)


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("token_shards", ("bits_per_token", "bits_per_byte"), "which holds tokens"),
        ("stream", ('"bits_per_byte"', '"bits_per_token"'), "which holds bytes"),
        ("token_shards", ("dropout = 0.0", "dropout = 0.0\nvocab_size = 256"), "must be at least the 257 tokens"),
    ],
)
def test_what_does_not_fit_the_data_is_said_before_training(
    workplace: Path, run: Run, kind: str, change: tuple[str, str], said: str
) -> None:
    config = write_config(workplace, kind)
    config.write_text(config.read_text().replace(*change).replace("max_bytes = 500\n", ""))
    done = run(workplace, config.name)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def last_result(run_path: Path) -> dict[str, Any]:
    (path,) = (run_path / "evals" / "held_out").glob(f"step_{NUM_STEPS:08}/result.json")
    metrics: dict[str, Any] = json.loads(path.read_text())["metrics"]
    return metrics


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["token_shards", "mixture", "stream"])
def test_a_run_resumed_or_on_two_processes_is_the_straight_one(
    workplace: Path,
    run: Run,
    kind: str,
    losses: Callable[[Path], list[float]],
    last_state: Callable[[Path], dict[str, str]],
) -> None:
    config = write_config(workplace, kind)
    done = run(workplace, config.name)
    assert done.returncode == 0, done.stderr
    (straight,) = (workplace / "runs").iterdir()
    metrics = last_result(straight)
    assert 0 < metrics["bits_per_byte"] < 9
    if kind == "token_shards":
        assert metrics["bits_per_token"] == pytest.approx(metrics["bits_per_byte"]), "a byte is a token here"

    resumed = workplace / "runs" / "resumed"
    shutil.copytree(straight, resumed)
    for step in (8, 12):
        shutil.rmtree(resumed / "checkpoints" / f"step_{step:08}")
    done = run(workplace, str(resumed))
    assert done.returncode == 0, done.stderr
    assert last_state(resumed) == last_state(straight)

    split = workplace / "split"
    config.write_text(config.read_text() + f'[log]\nruns_dir = "{split}"\n')
    done = run(workplace, config.name, processes=2)
    assert done.returncode == 0, done.stderr
    (two,) = split.iterdir()
    assert all(math.isclose(one, other, rel_tol=1e-5) for one, other in zip(losses(two), losses(straight), strict=True))
