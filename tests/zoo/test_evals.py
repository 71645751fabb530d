"""Evals against byte-by-byte scoring, command-line compressors and plain parsing."""

import math
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn

from zoo.corpus import Document
from zoo.evals import bits_per_byte, completions
from zoo.generate import noise_of, sample
from zoo.gpt import Gpt

torch.set_num_threads(1)

DOCUMENTS = [
    Document(name=f"d{number}", content=bytes((number + 7 * i * i) % 250 + 1 for i in range(length)))
    for number, length in enumerate([37, 1, 8, 9, 64])
]
PROMPTS = [("p0", "def f"), ("p1", "import os\n"), ("p2", "x = 1"), ("p3", "é")]


@pytest.fixture(name="model")
def random_model() -> nn.Module:
    torch.manual_seed(0)
    model = Gpt(num_layers=2, width=16, num_heads=2, max_positions=16)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


def brute_force_bits(model: nn.Module, content: bytes, *, seq_len: int, stride: int) -> float:
    """One forward pass per byte, on exactly the context that the byte's window gives it."""
    document, bits = b"\0" + content, 0.0
    for position in range(1, len(document)):
        window = 0 if position <= seq_len else math.ceil((position - seq_len) / stride)
        context = document[window * stride : position]
        assert len(context) >= min(position, seq_len - stride + 1)
        with torch.no_grad():
            logits = model(torch.tensor([list(context)]))[0, -1]
        bits -= logits.double().log_softmax(0)[document[position]].item() / math.log(2)
    return bits


@pytest.mark.parametrize(("seq_len", "stride"), [(8, 8), (8, 3), (16, 1), (5, 4)])
@pytest.mark.parametrize("batch_windows", [1, 4, 1000])
def test_bits_equal_those_of_scoring_byte_by_byte(
    model: nn.Module, seq_len: int, stride: int, batch_windows: int
) -> None:
    scored = bits_per_byte.score(model, DOCUMENTS, seq_len=seq_len, stride=stride, batch_windows=batch_windows)
    rows = {row["id"]: row for row in scored}
    for document in DOCUMENTS:
        expected = brute_force_bits(model, document.content, seq_len=seq_len, stride=stride)
        row = rows[document.name]
        assert row["bits"] == pytest.approx(expected, rel=1e-5)
        assert row["num_bytes"] == len(document.content)
        assert row["bits_per_byte"] == pytest.approx(expected / len(document.content), rel=1e-5)


def test_metrics_weigh_bytes_and_agree_with_gzip_and_xz(model: nn.Module) -> None:
    rows = list(bits_per_byte.score(model, DOCUMENTS, seq_len=8, stride=4, batch_windows=4))
    metrics = bits_per_byte.metrics(rows, DOCUMENTS)
    joined = b"".join(document.content for document in DOCUMENTS)
    assert metrics["num_bytes"] == len(joined)
    assert metrics["bits_per_byte"] == pytest.approx(sum(row["bits"] for row in rows) / len(joined))
    assert metrics["loss"] == pytest.approx(metrics["bits_per_byte"] * math.log(2))
    for command, name in (("gzip -9nc", "gzip_bits_per_byte"), ("xz -9ec", "xz_bits_per_byte")):
        if shutil.which(command.split()[0]):
            size = len(subprocess.run(command.split(), input=joined, capture_output=True, check=True).stdout)
            assert metrics[name] == pytest.approx(8 * size / len(joined), abs=8 * 16 / len(joined))  # header, checksum


def test_a_bound_takes_whole_documents_and_cuts_the_last() -> None:
    for max_bytes in (1, 40, 60, 118, 119, 500):
        taken = bits_per_byte.take(DOCUMENTS, max_bytes)
        assert sum(len(document.content) for document in taken) == min(max_bytes, 119)
        whole = {document.name: document.content for document in DOCUMENTS}
        assert all(whole[document.name].startswith(document.content) for document in taken)
        assert sum(whole[document.name] != document.content for document in taken) <= 1


def test_a_stride_that_skips_bytes_is_refused(model: nn.Module) -> None:
    with pytest.raises(ValueError, match="stride 9 must lie between 1 and seq_len 8"):
        next(bits_per_byte.score(model, DOCUMENTS, seq_len=8, stride=9, batch_windows=1))


def complete(model: nn.Module, prompts: Sequence[tuple[str, str]], **changed: Any) -> dict[str, dict[str, Any]]:
    arguments = {"num_bytes": 20, "temperature": 1.0, "max_positions": 16, "seed": 5} | changed
    return {row["id"]: row for row in completions.complete(model, prompts, **arguments)}


def test_any_spread_over_processes_gives_the_same_samples(model: nn.Module) -> None:
    prompts = completions.repeat(PROMPTS, samples_per_prompt=3)
    together = complete(model, prompts)
    assert sorted(together) == sorted(f"p{prompt}/{index}" for prompt in range(4) for index in range(3))
    assert len({row["completion"] for row in together.values()}) == len(together)
    for num_processes in (2, 3, len(prompts)):
        apart: dict[str, dict[str, Any]] = {}
        for rank in range(num_processes):
            apart |= complete(model, prompts[rank::num_processes])
        assert apart == together


def test_another_seed_gives_other_samples(model: nn.Module) -> None:
    assert complete(model, PROMPTS)["p0"]["completion"] != complete(model, PROMPTS, seed=6)["p0"]["completion"]


def test_temperature_zero_takes_the_likeliest_byte(model: nn.Module) -> None:
    text = b"\0def f"
    while len(text) < 20:
        with torch.no_grad():
            text += bytes([int(model(torch.tensor([list(text[-16:])]))[0, -1].argmax())])
    expected = text[6:].partition(b"\0")[0].decode(errors="backslashreplace")
    row = complete(model, [("p", "def f")], temperature=0.0, num_bytes=14)["p"]
    assert row["completion"] == expected


def test_samples_follow_the_model() -> None:
    """Evenly spaced noise must hit each byte as often as its probability says; top_p cuts the unlikely tail."""
    probabilities = torch.tensor([0.1, 0.4, 0.2, 0.3])
    noise = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    logits = probabilities.log().expand(1000, 4)
    counts = torch.bincount(sample(logits, noise, temperature=1.0, top_p=1.0), minlength=4)
    assert counts.tolist() == pytest.approx([100, 400, 200, 300], abs=1)
    counts = torch.bincount(sample(logits, noise, temperature=1.0, top_p=0.6), minlength=4)
    assert counts.tolist() == pytest.approx([0, 571, 0, 429], abs=1)
    counts = torch.bincount(sample(logits, noise, temperature=0.5, top_p=1.0), minlength=4)
    assert counts.tolist() == pytest.approx([33, 533, 133, 300], abs=1)


def test_noise_belongs_to_seed_and_sample() -> None:
    assert torch.equal(noise_of("p0/1", seed=3, num_bytes=9), noise_of("p0/1", seed=3, num_bytes=9))
    assert not torch.equal(noise_of("p0/1", seed=3, num_bytes=9), noise_of("p0/2", seed=3, num_bytes=9))
    assert not torch.equal(noise_of("p0/1", seed=3, num_bytes=9), noise_of("p0/1", seed=4, num_bytes=9))


@pytest.mark.parametrize("training", [True, False])
def test_evals_leave_the_model_as_they_found_it(model: nn.Module, training: bool) -> None:
    model.train(training)
    for row in bits_per_byte.score(model, DOCUMENTS, seq_len=8, stride=8, batch_windows=1):
        assert model.training is training, row
        assert not torch.is_inference_mode_enabled()
    for row in completions.complete(model, PROMPTS, num_bytes=3, temperature=1.0, max_positions=16, seed=0):
        assert model.training is training, row
        assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("x = 1\n", True),
        ("x = 1\ny = (", True),  # the unfinished line does not count
        ("def f():\n    return 1\n\ndef g(a,\n", True),  # nor does the unfinished last statement
        ("def f():\n    return (\n\ndef g():\n", False),
        ("def f(:\n    pass\n", False),
        ("import os\n@property\ndef f(\n", True),  # a decorator goes with its function
        ("if a:\n    b\nelse:\n    c\n", True),  # else opens no statement of its own
        ("x = '\\d'\n", True),  # warns, but parses
        ("x = '\0'\ny = 1\n", False),
        ("(" * 5000 + "\n", False),
        ("-" * 200_000 + "1\n", False),  # too deep for the parser's stack
        ("", False),  # where nothing is complete there is nothing to accept
        ("x = (1,", False),
    ],
)
def test_what_counts_as_python(source: str, verdict: bool) -> None:
    assert completions.is_python(source.encode()) is verdict


def test_bytes_that_are_no_text_are_shown_and_do_not_parse() -> None:
    assert completions.is_python(b"x = '\xff'\ny = 1\n") is False


def test_rates_are_shares() -> None:
    rows = [{"parses": True, "repeats": True, "copies": False}, {"parses": False, "repeats": True, "copies": False}]
    assert completions.metrics(rows) == {"parse_rate": 0.5, "repeat_rate": 1.0, "copy_rate": 0.0, "num_samples": 2}


def test_samples_of_one_prompt_are_one_cluster() -> None:
    rows = [completions.rescore({"id": name, "prompt": "", "completion": "x"}) for name in ("p0/0", "p0/1", "p1/0")]
    assert [row["cluster"] for row in rows] == ["p0", "p0", "p1"]
    clusters = [completions.scores_of(samples_per_prompt=count)["parse_rate"]["cluster"] for count in (1, 4)]
    assert clusters == [None, "cluster"], "of one sample a prompt all are independent"
