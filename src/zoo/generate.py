"""Samples bytes from a model, one forward pass over the whole context per byte (no cache of keys and values).

Each sample brings its own random numbers, so that what stands beside it in a batch does not change it.
"""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zoo.inference import inference


def generate(
    model: nn.Module,
    prompts: Sequence[bytes],
    noise: Sequence[Tensor],
    *,
    temperature: float,
    top_p: float,
    max_positions: int,
    end: bytes | None = None,
) -> list[bytes]:
    """Continue prompts of any lengths, one byte per number in each prompt's `noise`, or until `end` has come.

    `end` stays in what is returned. When a text outgrows `max_positions` its start is forgotten. Shorter texts are
    filled up on the right, which no earlier position of a causal model sees; texts that have ended leave the batch.
    """
    texts = [bytearray(prompt) for prompt in prompts]
    running = [index for index, numbers in enumerate(noise) if len(numbers)]
    num_done = 0
    with inference(model) as device:
        while running:
            windows = [texts[index][-max_positions:] for index in running]
            width = max(map(len, windows))
            tokens_BT = torch.tensor([[*window, *bytes(width - len(window))] for window in windows], device=device)
            last_B = torch.tensor([len(window) - 1 for window in windows], device=device)
            logits_BV = model(tokens_BT)[torch.arange(len(windows), device=device), last_B]
            noise_B = torch.stack([noise[index][num_done] for index in running]).to(device)
            next_B = sample(logits_BV, noise_B, temperature=temperature, top_p=top_p)
            for index, byte in zip(running, next_B.tolist(), strict=True):
                texts[index].append(byte)
            num_done += 1
            running = [
                index
                for index in running
                if num_done < len(noise[index]) and not (end and texts[index].endswith(end, len(prompts[index])))
            ]
    return [bytes(text[len(prompt) :]) for text, prompt in zip(texts, prompts, strict=True)]


def sample(logits_BV: Tensor, noise_B: Tensor, *, temperature: float, top_p: float) -> Tensor:
    """Invert the distribution function at `noise_B`, uniform in [0, 1), over bytes from likely to unlikely.

    `top_p` keeps the likeliest bytes that together reach it (nucleus sampling, Holtzman et al. 2020).
    Temperature 0 is the likeliest byte.
    """
    if temperature == 0:
        return logits_BV.argmax(dim=-1)
    probabilities_BV, order_BV = (
        (logits_BV.double() / temperature).softmax(dim=-1).sort(dim=-1, descending=True, stable=True)
    )
    cumulative_BV = probabilities_BV.cumsum(dim=-1)
    kept_B = (cumulative_BV < top_p).sum(dim=-1, keepdim=True).clamp(max=logits_BV.shape[-1] - 1)
    threshold_B = noise_B[:, None] * cumulative_BV.gather(1, kept_B)
    rank_B = torch.minimum((cumulative_BV <= threshold_B).sum(dim=-1, keepdim=True), kept_B)
    return order_BV.gather(1, rank_B).squeeze(1)


def noise_of(sample_id: str, *, seed: int, num_bytes: int) -> Tensor:
    """Uniform numbers in [0, 1) that depend on nothing but the seed and the sample's name."""
    digest = hashlib.sha256(f"{seed}/{sample_id}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return torch.rand(num_bytes, generator=generator, dtype=torch.float64)
