"""A small modern GPT over bytes: rotary positions, RMSNorm, QK norm, squared ReLU, no biases.

It maps tokens to logits and does nothing else: no loss, no sampling, no loading of other people's weights.

Shape letters:  B batch   T position   D width   H heads   C channels of one head   V vocabulary   N = B * T
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.functions import rms_norm, squared_relu

HASH_MULTIPLIER = 0x9E3779B97F4A7C15 - 2**64  # 2^64 over the golden ratio, as int64 (Knuth 1973, section 6.4)


class Gpt(nn.Module):
    """tokens_BT (int64) -> logits_BTV, in the precision of the products. Position t sees tokens 0..t.

    `num_hash_buckets` > 0 adds to each byte's embedding those of the n-grams that end there, of 2 to `max_ngram` bytes,
    looked up by hash in one table of that many rows (Pagnoni et al. 2024, "Byte Latent Transformer").
    Weights come from torch's global generator. ValueError for shapes that cannot be.
    """

    def __init__(
        self,
        *,
        num_layers: int,
        width: int,
        num_heads: int,
        max_positions: int,
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        tied_head: bool = False,
        num_hash_buckets: int = 0,
        max_ngram: int = 3,
        vocab_size: int = 256,
    ) -> None:
        super().__init__()
        if width % num_heads:
            raise ValueError(f"width {width} is not a multiple of num_heads {num_heads}")
        if (width // num_heads) % 2:
            raise ValueError(f"rotary positions need an even width per head, not {width} / {num_heads}")
        self.max_positions = max_positions
        self.embedding = nn.Embedding(vocab_size, width)
        self.ngrams: HashedNgrams | None = None
        if num_hash_buckets:
            self.ngrams = HashedNgrams(num_buckets=num_hash_buckets, max_ngram=max_ngram, width=width)
        self.blocks = nn.ModuleList(
            Block(width=width, num_heads=num_heads, mlp_width=round(mlp_ratio * width), dropout=dropout)
            for _ in range(num_layers)
        )
        self.dropout = dropout
        self.head = nn.Linear(width, vocab_size, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.02 if tied_head else 1.0)
        if tied_head:  # Press & Wolf 2017
            self.head.weight = self.embedding.weight
        else:
            nn.init.zeros_(self.head.weight)  # the first loss is exactly log(vocab_size)
        self.rotations: Tensor
        self.register_buffer("rotations", rotary(max_positions, width // num_heads), persistent=False)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        num_positions = tokens_BT.shape[1]
        if num_positions > self.max_positions:
            raise ValueError(f"{num_positions} tokens in a row, but max_positions is {self.max_positions}")
        x_BTD = self.embedding(tokens_BT)
        if self.ngrams is not None:
            x_BTD = x_BTD + self.ngrams(tokens_BT)
        x_BTD = rms_norm(F.dropout(x_BTD, self.dropout, self.training))
        rotations = self.rotations[:num_positions]
        for block in self.blocks:
            x_BTD = block(x_BTD, rotations)
        logits_BTV: Tensor = self.head(rms_norm(x_BTD))
        return logits_BTV


class Block(nn.Module):
    """Attention, then MLP, each added to the residual stream; both start as zero (Goyal et al. 2017; ReZero)."""

    def __init__(self, *, width: int, num_heads: int, mlp_width: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.query_key_value = linear(width, 3 * width)
        self.attention_out = linear(width, width, zero=True)
        self.mlp_in = linear(width, mlp_width)
        self.mlp_out = linear(mlp_width, width, zero=True)

    def forward(self, x_BTD: Tensor, rotations: Tensor) -> Tensor:
        x_BTD = x_BTD + F.dropout(self.attention(rms_norm(x_BTD), rotations), self.dropout, self.training)
        return x_BTD + F.dropout(self.mlp(rms_norm(x_BTD)), self.dropout, self.training)

    def attention(self, x_BTD: Tensor, rotations: Tensor) -> Tensor:
        qk_BTHC, v_BTHC = (
            self.query_key_value(x_BTD)
            .unflatten(-1, (3 * self.num_heads, -1))
            .split((2 * self.num_heads, self.num_heads), dim=-2)
        )
        # QK norm (Henry et al. 2020); queries and keys share one call each of norm and rotation
        q_BTHC, k_BTHC = rotate(rms_norm(qk_BTHC), rotations).chunk(2, dim=-2)
        y_BHTC = F.scaled_dot_product_attention(
            q_BTHC.transpose(1, 2), k_BTHC.transpose(1, 2), v_BTHC.transpose(1, 2), is_causal=True
        )
        y_BTD: Tensor = self.attention_out(y_BHTC.transpose(1, 2).flatten(2))
        return y_BTD

    def mlp(self, x_BTD: Tensor) -> Tensor:
        y_BTD: Tensor = self.mlp_out(squared_relu(self.mlp_in(x_BTD)))
        return y_BTD


class HashedNgrams(nn.Module):
    """At each byte, the sum of embeddings of the n-grams that end there, from one table addressed by hash."""

    def __init__(self, *, num_buckets: int, max_ngram: int, width: int) -> None:
        super().__init__()
        if max_ngram < 2:
            raise ValueError(f"max_ngram {max_ngram} leaves no n-gram; it must be at least 2")
        self.num_buckets = num_buckets
        self.max_ngram = max_ngram
        self.table = nn.Embedding(num_buckets, width)
        nn.init.zeros_(self.table.weight)  # an n-gram that was never seen says nothing

    def forward(self, tokens_BT: Tensor) -> Tensor:
        num_positions = tokens_BT.shape[1]
        hash_BT = (tokens_BT + 1) * HASH_MULTIPLIER
        hashes: list[Tensor] = []
        for order in range(2, self.max_ngram + 1):
            earlier_BT = F.pad(tokens_BT, (order - 1, 0))[:, :num_positions]  # zeros before the first byte
            hash_BT = (hash_BT + earlier_BT + order) * HASH_MULTIPLIER
            hashes.append((hash_BT >> 24) % self.num_buckets)  # the low bits of a product mix badly
        x_ND: Tensor = F.embedding_bag(torch.stack(hashes, dim=-1).flatten(0, 1), self.table.weight, mode="sum")
        return x_ND.view(*tokens_BT.shape, -1)


def linear(num_in: int, num_out: int, *, zero: bool = False) -> nn.Linear:
    """A projection without bias; its outputs start with variance 1 for unit inputs, or as zero."""
    layer = nn.Linear(num_in, num_out, bias=False)
    nn.init.normal_(layer.weight, std=0.0 if zero else num_in**-0.5)
    return layer


def rotary(num_positions: int, num_channels: int) -> Tensor:
    """Cosine and sine of position times frequency, as (num_positions, 1 head, num_channels / 2, 2).

    Su et al. 2021, "RoFormer", equation 34.
    """
    frequencies = 10_000.0 ** (-torch.arange(0, num_channels, 2) / num_channels)
    angles = torch.outer(torch.arange(num_positions), frequencies)
    return torch.stack((angles.cos(), angles.sin()), dim=-1).unsqueeze(1)


def rotate(x_BTHC: Tensor, rotations: Tensor) -> Tensor:
    """Turn each pair of neighbouring channels by its position's angle: a complex product, one pass over memory."""
    pairs = torch.view_as_complex(x_BTHC.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.view_as_complex(rotations)).flatten(-2).type_as(x_BTHC)
