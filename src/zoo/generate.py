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
) -> list[bytes]:
    """Continue prompts of one common length, one byte per number in each prompt's `noise`.

    When the text outgrows `max_positions` its start is forgotten.
    """
    assert len({len(prompt) for prompt in prompts}) == 1, "group prompts by length: padding would change positions"
    with inference(model) as device:
        tokens_BT = torch.tensor([list(prompt) for prompt in prompts], device=device)
        noise_BT = torch.stack(list(noise)).to(device)
        for noise_B in noise_BT.unbind(1):
            logits_BV = model(tokens_BT[:, -max_positions:])[:, -1]
            next_B = sample(logits_BV, noise_B, temperature=temperature, top_p=top_p)
            tokens_BT = torch.cat([tokens_BT, next_B[:, None]], dim=1)
    return [bytes(row[len(prompts[0]) :]) for row in tokens_BT.tolist()]


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
