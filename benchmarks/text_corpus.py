"""One text learnt by us and by nanoGPT, at the same size and number of steps: how well, and in how much time.

    python benchmarks/text_corpus.py FILE --nanogpt DIR [--rounds N] [--json FILE]

FILE is any text in ASCII, so that bytes are characters; DIR is a checkout of github.com/karpathy/nanoGPT, which trains
with the CPU settings of its README. The last tenth is held out. nanoGPT estimates its loss from 20 batches, ours is of
every byte held out. Goals: at most its loss, in at most its time. Exit code 0 when both are met, 1 when not.
"""

import argparse
import pickle
import re
import statistics
import sys
import tempfile
from array import array
from pathlib import Path

from benchmarks.rounds import Case, Goal, Result, machine, paired_ratio, run

SIZES = {"n_layer": 4, "n_head": 4, "n_embd": 128, "block_size": 64, "batch_size": 12, "max_iters": 2000}
CONFIG = """
why = "the CPU settings of nanoGPT's README"
seed = 1
[data]
kind = "text_files"
paths = ["{text}"]
seq_len = {block_size}
[model]
kind = "gpt"
num_layers = {n_layer}
width = {n_embd}
num_heads = {n_head}
max_positions = {block_size}
[optimizer]
kind = "adamw"
lr = 0.001
beta2 = 0.99
[schedule]
kind = "cosine"
total_steps = {max_iters}
warmup_steps = 100
final_fraction = 0.1
[train]
num_steps = {max_iters}
batch_size = {batch_size}
[log]
runs_dir = "{runs_dir}"
[eval.held_out]
kind = "bits_per_byte"
stride = {block_size}
"""
OURS, PEER = "python train.py", "python nanoGPT/train.py"


def main() -> int:
    """Measures, prints, and says with the exit code whether both goals are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path, metavar="FILE", help="any text in ASCII")
    parser.add_argument("--nanogpt", type=Path, metavar="DIR", required=True, help="a checkout of nanoGPT")
    parser.add_argument("--rounds", type=int, default=1, help="how often both train, in turn (default 1)")
    arguments = parser.parse_args()
    rounds = []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as name:
            cases = (our_case(arguments.text, Path(name)), nanogpt_case(arguments.text, arguments.nanogpt, Path(name)))
            rounds.append({case.name: run(case) for case in cases})
    ours, theirs = ([line[name] for line in rounds] for name in (OURS, PEER))
    our_loss = statistics.median(_last(r"eval/held_out/loss +([\d.]+)", result) for result in ours)
    their_loss = statistics.median(_last(r"val loss ([\d.]+)", result) for result in theirs)
    ratio = paired_ratio(Goal(ours=OURS, peer=PEER, at_most=1.0), rounds)
    assert ratio is not None, "both ran"
    print(f"{machine()}; {arguments.rounds} rounds")
    print(f"nats per byte  ours {our_loss:.4f}  nanoGPT {their_loss:.4f}")
    print(f"seconds        ours {_seconds(ours):.0f}  nanoGPT {_seconds(theirs):.0f}", end="")
    print(f"  ratio {ratio.median:.2f} [{ratio.min:.2f}, {ratio.max:.2f}]")
    return int(our_loss > their_loss or ratio.median > 1)


def our_case(text: Path, scratch: Path) -> Case:
    """Our own model of that size, with the schedule and AdamW of nanoGPT."""
    config = scratch / "text_corpus.toml"
    config.write_text(CONFIG.format(text=text.resolve(), runs_dir=scratch / "runs", **SIZES))
    return Case(name=OURS, command=[sys.executable, "train.py", config])


def nanogpt_case(text: Path, checkout: Path, scratch: Path) -> Case:
    """NanoGPT on the characters of the same text, cut at the same place."""
    characters = text.read_bytes().decode("ascii")
    vocabulary = {character: number for number, character in enumerate(sorted(set(characters)))}
    data = scratch / "characters"
    data.mkdir()
    cut = int(len(characters) * 0.9)
    for split, part in (("train", characters[:cut]), ("val", characters[cut:])):
        (data / f"{split}.bin").write_bytes(array("H", (vocabulary[character] for character in part)).tobytes())
    meta = {"vocab_size": len(vocabulary), "stoi": vocabulary, "itos": dict(enumerate(vocabulary))}
    (data / "meta.pkl").write_bytes(pickle.dumps(meta))
    flags = {
        "dataset": data,
        "out_dir": scratch / "nanogpt",
        "device": "cpu",
        "compile": False,
        "eval_iters": 20,
        "log_interval": 1,
        "lr_decay_iters": SIZES["max_iters"],
        "dropout": 0.0,
        **SIZES,
    }
    words = [f"--{name}={value}" for name, value in flags.items()]
    command = [sys.executable, "train.py", "config/train_shakespeare_char.py", *words]
    return Case(name=PEER, command=command, folder=checkout)


def _last(pattern: str, result: Result) -> float:
    found = re.findall(pattern, result.output)
    if not found:
        sys.exit(f"exit code {result.exit_code}\n{result.output[-2000:]}")
    return float(found[-1])


def _seconds(results: list[Result]) -> float:
    return statistics.median(result.seconds for result in results)


if __name__ == "__main__":
    sys.exit(main())
