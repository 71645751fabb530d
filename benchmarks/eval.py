"""How fast an eval writes text, beside a plain loop that pads its batch and runs every text to its end.

Both use the same model, the same prompts of many lengths and the same random numbers; the eval's rows go to disk as
always. A ratio is of two times of the same round. The texts must be the same.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/eval.py --rounds 5
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.evaluate import evaluate
from harness.job import Eval, Job
from harness.ranks import Ranks
from zoo.evals import completions
from zoo.generate import noise_of, sample
from zoo.gpt import Gpt

MAX_POSITIONS, BATCH = 256, 64
GOAL = 1.0
Prompts = Sequence[tuple[str, str]]


def plain_loop(model: nn.Module, prompts: Prompts, *, num_bytes: int) -> dict[str, str]:
    """In the order given, 64 at a time, filled up on the right; every text is written to its last byte."""
    written = {}
    for start in range(0, len(prompts), BATCH):
        batch = prompts[start : start + BATCH]
        texts = [bytearray(b"\0" + text.encode()) for _, text in batch]
        noise = [noise_of(name, seed=0, num_bytes=num_bytes) for name, _ in batch]
        for step in range(num_bytes):
            _append(model, texts, torch.stack([numbers[step] for numbers in noise]))
        for (name, text), whole in zip(batch, texts, strict=True):
            completion = bytes(whole[1 + len(text.encode()) :]).partition(b"\0")[0]
            written[name] = completion.decode(errors="backslashreplace")
    return written


@torch.inference_mode()
def _append(model: nn.Module, texts: list[bytearray], noise_B: Tensor) -> None:
    """One byte more for each text."""
    width = min(MAX_POSITIONS, max(map(len, texts)))
    windows = [text[-MAX_POSITIONS:] for text in texts]
    tokens_BT = torch.tensor([[*window, *bytes(width - len(window))] for window in windows])
    logits_BV = model(tokens_BT)[torch.arange(len(texts)), torch.tensor([len(window) - 1 for window in windows])]
    for text, byte in zip(texts, sample(logits_BV, noise_B, temperature=0.8, top_p=1.0).tolist(), strict=True):
        text.append(byte)


def our_eval(model: nn.Module, prompts: Prompts, *, num_bytes: int, folder: Path) -> dict[str, str]:
    """The completions eval, through the harness, with its rows on disk."""
    rows: dict[str, str] = {}

    def scored(model: nn.Module, items: Prompts) -> Any:
        settings: dict[str, Any] = {"temperature": 0.8, "max_positions": MAX_POSITIONS, "seed": 0}
        for row in completions.complete(model, items, num_bytes=num_bytes, **settings):
            rows[row["id"]] = row["completion"]
            yield row

    evaluation = Eval(items=prompts, rows=scored, metrics=completions.metrics, id_of=lambda prompt: prompt[0])
    ranks = Ranks(rank=0, num_processes=1, device=torch.device("cpu"), num_threads=torch.get_num_threads())
    evaluate(_job(model, evaluation), "texts", ranks, folder / "step_00000001", facts={"step": 1, "checkpoint": None})
    return rows


def _job(model: nn.Module, evaluation: Eval) -> Job:
    """A job of which only the eval is used."""
    unused: Any = None
    return Job(
        model=model,
        optimizers=[],
        lr_factor=unused,
        examples=unused,
        loss_sum=unused,
        num_targets=unused,
        evals={"texts": evaluation},
        autocast=lambda _device: nullcontext(),
        seed=0,
        num_steps=1,
        batch_size=1,
        micro_batch_size=None,
        clip_norm=1.0,
        log_every_steps=1,
        eval_every_steps=None,
        checkpoint_every_steps=1,
        keep_checkpoints=1,
        facts={},
    )


def main() -> None:
    """Rounds of both, in turn; prints bytes a second and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompts", type=int, default=128)
    parser.add_argument("--num-bytes", type=int, default=64)
    parser.add_argument("--width", type=int, default=64)
    options = parser.parse_args()
    torch.manual_seed(0)
    model = Gpt(num_layers=2, width=options.width, num_heads=4, max_positions=MAX_POSITIONS).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    lengths = torch.randint(1, 120, (options.prompts,)).tolist()
    prompts = [(f"p{number}", "x" * length) for number, length in enumerate(lengths)]
    ratios, rates = [], []
    for number in range(options.rounds):
        started = time.perf_counter()
        plain = plain_loop(model, prompts, num_bytes=options.num_bytes)
        plain_seconds = time.perf_counter() - started
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            ours = our_eval(model, prompts, num_bytes=options.num_bytes, folder=Path(folder))
            our_seconds = time.perf_counter() - started
        assert ours == plain, "the texts differ"
        num_bytes = sum(len(text) for text in ours.values())
        ratios.append(plain_seconds / our_seconds)
        rates.append(num_bytes / our_seconds)
        print(f"round {number + 1}: {num_bytes / our_seconds:8,.0f} bytes/s, {ratios[-1]:.2f}x the plain loop")
    median = statistics.median(ratios)
    print(f"median {statistics.median(rates):,.0f} bytes/s, {median:.2f}x the plain loop (goal: {GOAL:.1f}x)")


if __name__ == "__main__":
    main()
