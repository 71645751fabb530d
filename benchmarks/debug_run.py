"""How long a debug run takes, as a whole process, against two peers of its size; and whether two processes end cleanly.

    python benchmarks/debug_run.py [--rounds N] [--nanogpt DIR] [--json FILE]

- `accelerate launch train.py CONFIG PROFILE` against `accelerate launch` of the smallest script: at most 1.3x.
- `python train.py CONFIG PROFILE` against nanoGPT's own train.py with its documented CPU flags: at most 1.0x.
  DIR is a checkout of github.com/karpathy/nanoGPT; without it this pair is left out.
- the same run in two gloo processes: every exit code must be 0.

Sizes come from the resolved config, so they cannot drift apart. Exit code 0 when all goals are met, 1 when not.
"""

import argparse
import json
import pickle
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.rounds import ROOT, Case, Goal, measure, parse_rounds
from bindings import SCHEMA
from falsework import load

CONFIG = "configs/22_lr_001_23.toml"
PROFILE = "configs/profiles/cpu_debug.toml"
LAUNCH = (Path(sys.executable).parent / "accelerate", "launch")
TWO_PROCESSES = ["--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--main_process_port", "0"]


def main() -> int:
    """Measures, prints, and says with the exit code whether every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nanogpt", type=Path, metavar="DIR", help="a checkout of nanoGPT")
    arguments = parse_rounds(parser)
    tree = load([ROOT / CONFIG, ROOT / PROFILE], **SCHEMA).tree
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        here = scratch / "here.toml"
        here.write_text(f'[log]\nruns_dir = "{scratch / "runs"}"\n')
        ours = ["train.py", CONFIG, PROFILE, str(here)]
        smallest = ["benchmarks/smallest_accelerate_script.py", json.dumps(sizes_of(tree))]
        cases = [
            Case(name="launch train.py", command=[*LAUNCH, *ours]),
            Case(name="launch smallest script", command=[*LAUNCH, *smallest]),
            Case(name="launch train.py, 2 processes", command=[*LAUNCH, *TWO_PROCESSES, *ours]),
            Case(name="python train.py", command=[sys.executable, *ours]),
        ]
        goals = [Goal(ours="launch train.py", peer="launch smallest script", at_most=1.3)]
        if arguments.nanogpt is not None:
            cases.append(nanogpt_case(arguments.nanogpt, tree, scratch))
            goals.append(Goal(ours="python train.py", peer="python nanoGPT/train.py", at_most=1.0))
        return measure(cases, goals, num_rounds=arguments.rounds, json_file=arguments.json)


def sizes_of(tree: dict[str, Any]) -> dict[str, Any]:
    """What the smallest script needs to train the same model, of a resolved config."""
    model, optimizer = dict(tree["model"]), dict(tree["optimizer"])
    assert model.pop("kind") == "gpt", "the peers train a GPT"
    return {
        "num_steps": tree["train"]["num_steps"],
        "batch_size": tree["train"]["batch_size"],
        "seq_len": tree["data"]["seq_len"],
        "model": model,
        "optimizer_kind": optimizer.pop("kind"),
        "optimizer": optimizer,
    }


def nanogpt_case(checkout: Path, tree: dict[str, Any], scratch: Path) -> Case:
    """How nanoGPT trains a GPT of the same size on random bytes, with the CPU flags of its README."""
    data = scratch / "random_bytes"
    data.mkdir()
    for split in ("train", "val"):
        (data / f"{split}.bin").write_bytes(
            b"".join(random.randrange(256).to_bytes(2, "little") for _ in range(200_000))
        )
    (data / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": 256, "stoi": {}, "itos": {}}))
    model, num_steps = tree["model"], tree["train"]["num_steps"]
    flags = {
        "dataset": data,
        "out_dir": scratch / "nanogpt",
        "device": "cpu",
        "compile": False,
        "eval_iters": 2,  # its README has 20; it evaluates before the first step, and fewer batches favour it
        "log_interval": 1,
        "block_size": tree["data"]["seq_len"],
        "batch_size": tree["train"]["batch_size"],
        "n_layer": model["num_layers"],
        "n_head": model["num_heads"],
        "n_embd": model["width"],
        "max_iters": num_steps,
        "lr_decay_iters": num_steps,
        "warmup_iters": num_steps // 10,
        "dropout": 0.0,
    }
    words = [f"--{name}={value}" for name, value in flags.items()]
    command = [sys.executable, "train.py", "config/train_shakespeare_char.py", *words]
    return Case(name="python nanoGPT/train.py", command=command, folder=checkout)


if __name__ == "__main__":
    sys.exit(main())
