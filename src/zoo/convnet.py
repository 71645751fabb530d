"""A causal stack of dilated, gated convolutions over bytes.

WaveNet (van den Oord et al. 2016) and ByteNet (Kalchbrenner et al. 2016), with the pre-norm residuals of today.

It maps tokens to logits and does nothing else. Sequences may be of any length; a byte sees as far as the stack reaches.

Shape letters:  B batch   T position   C channels   V vocabulary
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.functions import rms_norm

MAX_DILATION = 64  # dilations double from layer to layer and start again at 1 beyond this


class Convnet(nn.Module):
    """tokens_BT (int64) -> logits_BTV, in the precision of the products. Position t sees tokens 0..t, as far as the
    kernels reach.

    Weights come from torch's global generator. ValueError for shapes that cannot be.
    """

    def __init__(
        self, *, num_layers: int, num_channels: int, kernel_size: int = 3, dropout: float = 0.0, vocab_size: int = 256
    ) -> None:
        super().__init__()
        if kernel_size < 2:
            raise ValueError(f"kernel_size {kernel_size} sees nothing of the past; it must be at least 2")
        self.embedding = nn.Embedding(vocab_size, num_channels)
        doublings = MAX_DILATION.bit_length()
        self.blocks = nn.ModuleList(
            GatedConvolution(
                num_channels=num_channels, kernel_size=kernel_size, dilation=2 ** (i % doublings), dropout=dropout
            )
            for i in range(num_layers)
        )
        self.head = nn.Linear(num_channels, vocab_size, bias=False)
        nn.init.zeros_(self.head.weight)  # the first loss is exactly log(vocab_size)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        x_BTC = self.embedding(tokens_BT)
        for block in self.blocks:
            x_BTC = block(x_BTC)
        logits_BTV: Tensor = self.head(rms_norm(x_BTC))
        return logits_BTV


class GatedConvolution(nn.Module):
    """x + out(a * sigmoid(b)), where a and b are convolutions of the normalized x with its own past."""

    def __init__(self, *, num_channels: int, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.reach = [dilation * tap for tap in range(kernel_size)]
        self.dropout = dropout
        self.taps = nn.Linear(kernel_size * num_channels, 2 * num_channels, bias=False)
        self.out = nn.Linear(num_channels, num_channels, bias=False)
        nn.init.normal_(self.taps.weight, std=(kernel_size * num_channels) ** -0.5)
        nn.init.zeros_(self.out.weight)

    def forward(self, x_BTC: Tensor) -> Tensor:
        num_positions = x_BTC.shape[1]
        past_BTC = F.pad(rms_norm(x_BTC), (0, 0, self.reach[-1], 0))
        # A dilated convolution as one matrix product: on a CPU far faster than conv1d, and Muon can take its matrix.
        taps = [past_BTC[:, self.reach[-1] - reach :][:, :num_positions] for reach in self.reach]
        gated_BTC = F.glu(self.taps(torch.cat(taps, dim=-1)))
        return x_BTC + F.dropout(self.out(gated_BTC), self.dropout, self.training)
