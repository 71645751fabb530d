"""[model]: what is trained."""

from typing import TYPE_CHECKING

from attrs import Attribute, field, frozen
from attrs.validators import ge, gt, le, lt

from bindings.fields import Misfit, science

NUM_BYTES = 256  # the vocabulary of data that is no tokens

if TYPE_CHECKING:
    from torch import nn


@frozen(kw_only=True)
class Gpt:
    """A byte-level transformer: rotary positions, RMSNorm, QK norm, scaled dot-product attention."""

    num_layers: int = field(validator=ge(1), metadata=science("transformer blocks"))
    width: int = field(validator=ge(2), metadata=science("channels of the residual stream"))
    num_heads: int = field(validator=ge(1), metadata=science("attention heads; divides width into heads of even size"))
    max_positions: int = field(validator=ge(1), metadata=science("longest context in bytes"))
    mlp_ratio: float = field(default=4.0, validator=gt(0), metadata=science("hidden channels of the MLP per width"))
    dropout: float = field(default=0.0, validator=[ge(0), lt(1)], metadata=science("share of activations dropped"))
    vocab_size: int = field(
        default=NUM_BYTES, validator=ge(2), metadata=science("tokens that there are; 256 where data is bytes")
    )
    tied_head: bool = field(default=False, metadata=science("whether the head is the byte embedding, transposed"))
    num_hash_buckets: int = field(
        default=0, validator=ge(0), metadata=science("rows of the hashed byte n-gram embedding; 0 leaves it out")
    )
    max_ngram: int = field(default=3, validator=[ge(2), le(16)], metadata=science("bytes of the longest hashed n-gram"))

    @num_heads.validator
    def _divides_width(self, _attribute: "Attribute[int]", value: int) -> None:
        if self.width % value or (self.width // value) % 2:
            raise Misfit(f"must divide width = {self.width} into heads of even size, got {value}")

    def num_hidden_parameters(self) -> int:
        """Numbers in the matrices between embedding and head, which are what Muon takes."""
        mlp_width = round(self.mlp_ratio * self.width)
        return self.num_layers * (4 * self.width * self.width + 2 * self.width * mlp_width)

    def flops_per_token(self, seq_len: int) -> float:
        """6 N + 12 L d T, forward and backward (Chowdhery et al. 2022, "PaLM", appendix B).

        N counts the matrices that multiply, so the head and not the tables; the causal mask is not taken off.
        """
        num_multiplied = self.num_hidden_parameters() + self.vocab_size * self.width
        return 6.0 * num_multiplied + 12.0 * self.num_layers * self.width * seq_len

    def num_parameters(self) -> int:
        """All numbers that are trained."""
        num_tables = 1 if self.tied_head else 2
        return self.num_hidden_parameters() + (num_tables * self.vocab_size + self.num_hash_buckets) * self.width

    def build(self) -> "nn.Module":
        """The model, its parameters drawn from torch's global generator."""
        from zoo.gpt import Gpt as Model

        return Model(
            num_layers=self.num_layers,
            width=self.width,
            num_heads=self.num_heads,
            max_positions=self.max_positions,
            mlp_ratio=self.mlp_ratio,
            dropout=self.dropout,
            vocab_size=self.vocab_size,
            tied_head=self.tied_head,
            num_hash_buckets=self.num_hash_buckets,
            max_ngram=self.max_ngram,
        )


@frozen(kw_only=True)
class Convnet:
    """A byte-level stack of causal dilated gated convolutions (WaveNet, ByteNet)."""

    num_layers: int = field(validator=ge(1), metadata=science("residual blocks; the dilation doubles block by block"))
    num_channels: int = field(validator=ge(1), metadata=science("channels of the residual stream"))
    kernel_size: int = field(default=3, validator=ge(2), metadata=science("taps of each convolution"))
    dropout: float = field(default=0.0, validator=[ge(0), lt(1)], metadata=science("share of activations dropped"))
    vocab_size: int = field(
        default=NUM_BYTES, validator=ge(2), metadata=science("tokens that there are; 256 where data is bytes")
    )

    def num_hidden_parameters(self) -> int:
        """Numbers in the matrices between embedding and head, which are what Muon takes."""
        return self.num_layers * (2 * self.kernel_size + 1) * self.num_channels * self.num_channels

    def flops_per_token(self, seq_len: int) -> float:
        """6 N, forward and backward: each weight multiplies once per token, whatever the length."""
        del seq_len
        return 6.0 * (self.num_hidden_parameters() + self.vocab_size * self.num_channels)

    def num_parameters(self) -> int:
        """All numbers that are trained."""
        return self.num_hidden_parameters() + 2 * self.vocab_size * self.num_channels

    def build(self) -> "nn.Module":
        """The model, its parameters drawn from torch's global generator."""
        from zoo.convnet import Convnet as Model

        return Model(
            num_layers=self.num_layers,
            num_channels=self.num_channels,
            kernel_size=self.kernel_size,
            dropout=self.dropout,
            vocab_size=self.vocab_size,
        )


KINDS: dict[str, type] = {"gpt": Gpt, "convnet": Convnet}
Model = Gpt | Convnet
