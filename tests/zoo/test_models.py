"""Gpt and Convnet: what a byte may see, and what the model is made of."""

import ast
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from zoo.convnet import Convnet, GatedConvolution
from zoo.functions import rms_norm, squared_relu
from zoo.gpt import Gpt, HashedNgrams, rotary, rotate

torch.set_num_threads(1)


def gpt(*, num_hash_buckets: int = 0, tied_head: bool = False) -> nn.Module:
    return Gpt(
        num_layers=2,
        width=16,
        num_heads=2,
        max_positions=24,
        num_hash_buckets=num_hash_buckets,
        tied_head=tied_head,
    )


def hashed_gpt() -> nn.Module:
    return gpt(num_hash_buckets=50)


def convnet() -> nn.Module:
    return Convnet(num_layers=3, num_channels=8)


def with_random_weights(model: nn.Module) -> nn.Module:
    """A fresh model has zeros in places, which would hide what a byte can see."""
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model


def tokens(num_rows: int, num_positions: int) -> torch.Tensor:
    return torch.randint(1, 256, (num_rows, num_positions), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("build", [gpt, hashed_gpt, convnet])
def test_logits_depend_on_this_byte_and_earlier_ones_only(build: Callable[[], nn.Module]) -> None:
    model = with_random_weights(build())
    before = tokens(2, 20)
    after = before.clone()
    after[:, 12] = (after[:, 12] + 1) % 256
    difference = (model(before) - model(after)).abs().amax(dim=(0, 2))
    assert (difference[:12] == 0).all()
    assert difference[12] > 0
    assert difference[13] > 0


@pytest.mark.parametrize("build", [gpt, hashed_gpt, convnet])
def test_a_shorter_sequence_gives_the_same_logits(build: Callable[[], nn.Module]) -> None:
    model = with_random_weights(build())
    sequence = tokens(2, 20)
    torch.testing.assert_close(model(sequence)[:, :7], model(sequence[:, :7]))


@pytest.mark.parametrize("build", [gpt, hashed_gpt, convnet])
def test_a_fresh_model_gives_every_byte_the_same_chance(build: Callable[[], nn.Module]) -> None:
    logits = build()(tokens(2, 9))
    assert logits.shape == (2, 9, 256)
    assert logits.dtype == torch.float32
    loss = F.cross_entropy(logits.flatten(0, 1), tokens(2, 9).flatten())
    assert loss.item() == pytest.approx(math.log(256), rel=1e-6)


@pytest.mark.parametrize("build", [gpt, hashed_gpt, convnet])
def test_every_parameter_gets_a_gradient(build: Callable[[], nn.Module]) -> None:
    model = with_random_weights(build())
    model(tokens(2, 20)).square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_weights_are_a_function_of_the_global_seed() -> None:
    torch.manual_seed(3)
    first = gpt(num_hash_buckets=8).state_dict()
    torch.manual_seed(3)
    second = gpt(num_hash_buckets=8).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_tied_head_is_the_embedding() -> None:
    model = gpt(tied_head=True)
    assert isinstance(model, Gpt)
    assert model.head.weight is model.embedding.weight
    assert sum(p.numel() for p in gpt().parameters()) - sum(p.numel() for p in model.parameters()) == 256 * 16


def test_dropout_acts_in_training_only() -> None:
    model = with_random_weights(Gpt(num_layers=1, width=16, num_heads=2, max_positions=8, dropout=0.5))
    sequence = tokens(1, 8)
    assert not torch.equal(model(sequence), model(sequence))
    model.eval()
    assert torch.equal(model(sequence), model(sequence))


def test_ngrams_up_to_the_longest_reach_a_byte_without_attention() -> None:
    model = with_random_weights(
        Gpt(num_layers=0, width=16, num_heads=2, max_positions=9, num_hash_buckets=997, max_ngram=5)
    )
    logits = model(torch.tensor([[1, 2, 3, 4, 5, 6, 7, 8], [1, 9, 3, 4, 5, 6, 7, 8]]))
    differs = (logits[0] != logits[1]).any(dim=-1)
    assert differs.tolist() == [False, True, True, True, True, True, False, False]


def test_hashes_spread_the_ngrams_of_real_text_evenly() -> None:
    """Buckets of a perfect hash fill as balls thrown at random: 1 - exp(-n / buckets) of them get at least one."""
    source = Path(ast.__file__).read_bytes()[:20_000]
    num_ngrams = sum(len({source[i - order : i] for i in range(order, len(source))}) for order in (2, 3, 4, 5))
    ngrams = HashedNgrams(num_buckets=32_768, max_ngram=5, width=2)
    ngrams(torch.tensor([list(source)])).sum().backward()
    assert ngrams.table.weight.grad is not None
    share = (ngrams.table.weight.grad[:, 0] > 0).float().mean().item()
    assert share == pytest.approx(1 - math.exp(-num_ngrams / 32_768), abs=0.01)


@pytest.mark.parametrize(
    ("width", "num_heads", "message"), [(10, 3, "10 is not a multiple of num_heads 3"), (9, 3, "even width per head")]
)
def test_impossible_shapes_are_refused(width: int, num_heads: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Gpt(num_layers=1, width=width, num_heads=num_heads, max_positions=8)


def test_ngrams_of_one_byte_are_refused() -> None:
    with pytest.raises(ValueError, match="max_ngram 1 leaves no n-gram"):
        Gpt(num_layers=1, width=8, num_heads=2, max_positions=8, num_hash_buckets=10, max_ngram=1)


def test_more_tokens_than_positions_are_refused() -> None:
    with pytest.raises(ValueError, match="25 tokens in a row, but max_positions is 24"):
        gpt()(tokens(1, 25))


def test_a_kernel_without_a_past_is_refused() -> None:
    with pytest.raises(ValueError, match="kernel_size 1"):
        Convnet(num_layers=1, num_channels=8, kernel_size=1)


def test_a_convolution_layer_equals_torchs_conv1d() -> None:
    """F.conv1d with left padding is the reference for the product of concatenated taps."""
    model = Convnet(num_layers=3, num_channels=8, kernel_size=3)
    with_random_weights(model)
    block = model.blocks[2]
    assert isinstance(block, GatedConvolution)
    x_BTC = torch.randn(2, 20, 8)
    normalized_BCT = F.rms_norm(x_BTC, (8,)).transpose(1, 2)
    # the weight's columns are taps of 8 channels, the latest byte first; conv1d wants the oldest first
    kernel = block.taps.weight.unflatten(1, (3, 8)).transpose(1, 2).flip(-1)
    reference_BCT = F.conv1d(F.pad(normalized_BCT, (8, 0)), kernel, dilation=4)
    expected = x_BTC + F.glu(reference_BCT, dim=1).transpose(1, 2) @ block.out.weight.T
    torch.testing.assert_close(block(x_BTC), expected, rtol=1e-4, atol=1e-4)


def test_products_of_rotated_queries_and_keys_depend_on_their_distance_only() -> None:
    """The defining property of rotary positions (Su et al. 2021, equation 16)."""
    rotations = rotary(32, 8)
    query, key = torch.randn(8), torch.randn(8)
    queries = rotate(query.expand(1, 32, 1, 8), rotations)[0, :, 0]
    keys = rotate(key.expand(1, 32, 1, 8), rotations)[0, :, 0]
    products = queries @ keys.T
    for distance in range(-31, 32):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-4, atol=1e-4)


def test_rotation_turns_pairs_by_position_times_frequency() -> None:
    turned = rotate(torch.tensor([1.0, 0.0, 1.0, 0.0]).expand(1, 4, 1, 4), rotary(4, 4))[0, 3, 0]
    expected = [math.cos(3), math.sin(3), math.cos(0.03), math.sin(0.03)]  # frequencies 10000^0 and 10000^(-2/4)
    assert turned.tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("ours", "torchs"),
    [
        (rms_norm, lambda x: F.rms_norm(x, (x.shape[-1],), eps=1e-12)),
        (squared_relu, lambda x: F.relu(x).square()),
    ],
)
def test_hand_written_gradients_equal_torchs(
    ours: Callable[[torch.Tensor], torch.Tensor], torchs: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    x = torch.randn(3, 5, 8, requires_grad=True)
    gradient = torch.randn(3, 5, 8)
    torch.testing.assert_close(ours(x), torchs(x), rtol=1e-5, atol=1e-5)
    (ours_gradient,) = torch.autograd.grad(ours(x), x, gradient)
    (torchs_gradient,) = torch.autograd.grad(torchs(x), x, gradient)
    torch.testing.assert_close(ours_gradient, torchs_gradient, rtol=1e-4, atol=1e-5)


def test_the_norm_of_zeros_is_zero_with_a_finite_gradient() -> None:
    x = torch.zeros(2, 4, requires_grad=True)
    rms_norm(x).sum().backward()
    assert x.grad is not None
    assert rms_norm(x).abs().max() == 0
    assert x.grad.isfinite().all()
