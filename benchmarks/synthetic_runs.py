"""Writes a synthetic run store in the layout of docs/runs.md: N runs x 1,000 steps x 10 metrics x 60 hparams.

Usage: python benchmarks/synthetic_runs.py ROOT NUM_RUNS [NUM_STEPS]

Run i has the metrics of template i % 100, so that 10,000 runs (4 GB) are written in a minute; its config is its own. A
run of every 200 is live: no close, and a last line torn by its writer. What every value must be is known here
without reading anything back: `hparams`, `metric_values`.
"""

import json
import math
import random
import sys
import time
from pathlib import Path
from typing import Any

NUM_TEMPLATES = 100
NUM_STEPS = 1_000
LIVE_EVERY = 200
START = 1_790_000_000.0
METRICS = [f"train/{name}" for name in ("loss", "grad_norm", "lr", "step_seconds", "tokens", "z_loss")]
METRICS += ["model/act_rms", "model/logit_max", "data/epoch", "val/loss"]
TORN = b'{"step":123456,"t":1790'


def run_name(number: int) -> str:
    """The directory of run `number`; its experiment is a child of the one whose number is a tenth."""
    return f"{experiment(number)}-20261123T{number // 3600 % 24:02}{number // 60 % 60:02}{number % 60:02}Z-{number:04x}"


def experiment(number: int) -> str:
    """`04_lr_a_40`, or `07_root` for the first ten."""
    return f"{number:02}_root" if number < 10 else f"{number // 10:02}_lr_{'abcdefghij'[number % 10]}_{number:02}"


def is_live(number: int) -> bool:
    """Whether the run has not closed."""
    return number % LIVE_EVERY == 0


def hparams(number: int) -> dict[str, Any]:
    """60 hparams: numbers, words, booleans, and some that vary."""
    random_numbers = random.Random(number)
    drawn = {
        "seed": number % 5,
        "optimizer.kind": "adamw" if number % 3 else "muon",
        "optimizer.lr": 10 ** random_numbers.uniform(-5, -2),
        "model.width": random_numbers.choice([64, 128, 192, 256]),
        "train.batch_size": random_numbers.choice([8, 16, 32]),
    }
    kinds: tuple[Any, ...] = (0.5, 12, "word", True)
    return drawn | {f"group_{at % 5}.field_{at:02}": kinds[at % 4] for at in range(55)}


def metric_values(number: int, num_steps: int = NUM_STEPS) -> dict[str, list[float]]:
    """Each metric's value at steps 1, 2, ..."""
    random_numbers = random.Random(1_000_003 + number % NUM_TEMPLATES)
    values: dict[str, list[float]] = {}
    for at, key in enumerate(METRICS):
        level = 2.0 + at + random_numbers.random()
        values[key] = [
            level * math.exp(-step / num_steps) + random_numbers.gauss(0, 0.05) for step in range(1, num_steps + 1)
        ]
    return values


def make_store(root: Path, num_runs: int, num_steps: int = NUM_STEPS, *, first: int = 0) -> None:
    """Writes the runs `first`, ..., `first + num_runs - 1` below root."""
    root.mkdir(parents=True, exist_ok=True)
    templates: dict[int, tuple[bytes, str]] = {}
    for number in range(first, first + num_runs):
        template = number % NUM_TEMPLATES
        if template not in templates:
            templates[template] = _template(number, num_steps)
        rows, summary = templates[template]
        _write_run(root / run_name(number), number, num_steps, rows, summary)


def _template(number: int, num_steps: int) -> tuple[bytes, str]:
    values = metric_values(number, num_steps)
    rows = [
        {"step": step, "t": round(START + 0.4 * step, 3), "seg": 0, **{key: values[key][step - 1] for key in METRICS}}
        for step in range(1, num_steps + 1)
    ]
    summary = {
        "status": "finished",
        "seg": 0,
        "step": num_steps,
        "tokens": 2048 * num_steps,
        "wall_seconds": 0.4 * num_steps,
        "metrics": {key: _summary_of(values[key]) for key in METRICS} | {"eval/held_out/loss": _once(1.5, num_steps)},
        "evals": {"step": num_steps, "metrics": {"eval/held_out/loss": 1.5}},
    }
    return b"".join(_line(row) for row in rows), json.dumps(summary)


def _summary_of(values: list[float]) -> dict[str, Any]:
    low, high = min(values), max(values)
    low_step, high_step = values.index(low) + 1, values.index(high) + 1
    last = {"last": values[-1], "last_step": len(values)}
    return {**last, "min": low, "min_step": low_step, "max": high, "max_step": high_step, "n": len(values)}


def _once(value: float, step: int) -> dict[str, Any]:
    return {"last": value, "last_step": step, "min": value, "min_step": step, "max": value, "max_step": step, "n": 1}


def _write_run(path: Path, number: int, num_steps: int, rows: bytes, summary: str) -> None:
    path.mkdir()
    live = is_live(number)
    origin = f"configs/{experiment(number)}.toml:8:6"
    config = {key: {"value": value, "origin": origin} for key, value in hparams(number).items()}
    start, end = START + number, time.time() if live else START + number + 0.4 * num_steps
    events = [{"event": "started", "t": start, "seg": 0, "step": 0, "host": "bench", "pid": 1, "num_processes": 1}]
    if not live:
        metrics = {"eval/held_out/loss": 1.5}
        events += [{"event": "evaluated", "t": end, "seg": 0, "step": num_steps, "metrics": metrics}]
        events += [{"event": "finished", "t": end, "seg": 0, "step": num_steps, "reason": "finished"}]
        (path / "summary.json").write_text(summary)
    beat = {"t": end, "seg": 0, "period": 3600.0, "uptime": 400.0, "step": num_steps, "system/memory_bytes": 1e9}
    (path / "config.json").write_text(json.dumps(config, indent=1))
    (path / "metrics.jsonl").write_bytes(rows + (TORN if live else b""))
    (path / "events.jsonl").write_bytes(b"".join(map(_line, events)))
    (path / "system.jsonl").write_bytes(_line(beat))
    (path / "run.json").write_text(json.dumps(_record(path.name, number)))


def _record(name: str, number: int) -> dict[str, Any]:
    return {
        "id": name,
        "experiment": experiment(number),
        "why": "does another learning rate help?",
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + number)),
        "command": ["accelerate", "launch", "train.py", f"configs/{experiment(number)}.toml"],
        "fingerprints": {"science": f"{number:064x}"},
        "num_processes": 1,
        "device": "cpu",
        "num_parameters": 851_968,
        "precision": "fp32",
    }


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


if __name__ == "__main__":
    make_store(Path(sys.argv[1]), int(sys.argv[2]), *map(int, sys.argv[3:]))
