"""Token shards, mixtures and streams against plain lists of what was written."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from zoo.evals import bits_per_byte, bits_per_token
from zoo.line_stream import LineStream, line_stream
from zoo.mixture import Joined, Mixture
from zoo.python_source import python_source
from zoo.text_files import text_files
from zoo.token_shards import token_shards
from zoo.windows import Windows
from zoo.write_shards import write_shards

torch.set_num_threads(1)
WORDS = ["to", "be", "or", "not", "é"]
TEXTS = [" ".join(WORDS[(n * k + k) % 5] for k in range(1, 12)) for n in range(40)]


def encode(text: str) -> list[int]:
    return [1 + WORDS.index(word) for word in text.split()]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    token_bytes = [0, *(len(word.encode()) for word in WORDS)]
    write_shards(
        TEXTS, tmp_path / "shards", encode=encode, vocab_size=6, separator=0,
        token_bytes=token_bytes, shard_tokens=100, held_out_every=10,
    )  # fmt: skip
    return tmp_path / "shards"


def opened(folder: Path, *, vocab_size: int = 6) -> Any:
    return token_shards(
        paths=[f"{folder}/train_*.bin"], held_out_paths=[f"{folder}/held_out_*.bin"], vocab_size=vocab_size
    )


def test_what_was_written_is_read_across_shards_as_one_ring(shards: Path) -> None:
    expected = [token for number, text in enumerate(TEXTS) if number % 10 for token in (0, *encode(text))]
    files = sorted(shards.glob("train_*.bin"))
    assert [file.stat().st_size for file in files] == [200] * (len(expected) // 100) + [len(expected) % 100 * 2]
    corpus = opened(shards)
    assert len(corpus.train) == len(expected)
    inputs, targets = Windows(corpus.train, seq_len=30).batch(np.arange(3, 14), np.full(11, 5))
    ring = expected * 2
    phase = int(5 * 0.6180339887498949 % 1 * 30)
    for row, index in enumerate(range(3, 14)):
        start = index * 30 + phase
        assert inputs[row].tolist() == ring[start : start + 30]
        assert targets[row].tolist() == ring[start + 1 : start + 31]


def test_held_out_documents_are_those_between_separators_with_their_bytes(shards: Path) -> None:
    documents = opened(shards).held_out
    texts = [TEXTS[number] for number in range(0, 40, 10)]
    assert [document.tokens.tolist() for document in documents] == [[0, *encode(text)] for text in texts]
    assert [document.num_bytes for document in documents] == [len(text.replace(" ", "").encode()) for text in texts]
    assert len({document.name for document in documents}) == 4


class Uniform(nn.Module):
    """Every token is as likely as any other, so each costs log2 of their number."""

    def __init__(self, num_tokens: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(num_tokens))

    def forward(self, tokens_BT: Tensor) -> Tensor:
        return self.logits.expand(*tokens_BT.shape, -1)


@pytest.mark.parametrize("max_tokens", [None, 25])
def test_bits_per_token_and_per_byte_of_a_model_whose_bits_are_known(shards: Path, max_tokens: int | None) -> None:
    documents = opened(shards).held_out
    documents = documents if max_tokens is None else bits_per_token.take(documents, max_tokens)
    rows = list(bits_per_token.score(Uniform(6), documents, seq_len=8, stride=3, batch_windows=4))
    values = bits_per_token.metrics(rows, documents)
    num_tokens = 44 if max_tokens is None else 25
    assert values["num_tokens"] == num_tokens
    assert values["bits_per_token"] == pytest.approx(np.log2(6), rel=1e-6)
    num_bytes = sum(document.num_bytes or 0 for document in documents)
    assert values["bits_per_byte"] == pytest.approx(num_tokens * np.log2(6) / num_bytes, rel=1e-6)


def test_shards_that_do_not_fit_are_refused_by_name(shards: Path) -> None:
    with pytest.raises(ValueError, match=r"tokens\.json says vocab_size 6, and the config 7"):
        opened(shards, vocab_size=7)
    with pytest.raises(ValueError, match="is both trained on and held out"):
        token_shards(paths=[f"{shards}/*.bin"], held_out_paths=[f"{shards}/held_out_*.bin"], vocab_size=6)
    said = json.loads((shards / "tokens.json").read_text())
    (shards / "tokens.json").write_text(json.dumps({**said, "vocab_size": 5, "token_bytes": None}))
    with pytest.raises(ValueError, match=r"held_out_00000\.bin holds token 5, and vocab_size is 5"):
        opened(shards, vocab_size=5)
    (shards / "train_00001.bin").write_bytes(b"odd")
    with pytest.raises(ValueError, match=r"train_00001\.bin has 3 bytes, which is no number of uint16 tokens"):
        opened(shards, vocab_size=5)
    (shards / "tokens.json").unlink()
    with pytest.raises(ValueError, match=r"tokens\.json is missing; it says"):
        opened(shards)


def test_a_token_outside_the_vocabulary_is_found_when_it_is_taken(shards: Path) -> None:
    corpus = opened(shards)
    np.array([9] * 10, dtype="<u2").tofile(shards / "train_00000.bin")
    with pytest.raises(ValueError, match=r"train_0000\d\.bin holds token 9, and vocab_size is 6"):
        Windows(opened(shards).train, seq_len=5).batch(np.array([0]), np.array([0]))
    assert len(corpus.held_out) == 4


def test_a_writer_refuses_what_it_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"text 0 has a token outside \[0, 3\)"):
        write_shards(["to not"], tmp_path / "a", encode=encode, vocab_size=3, separator=0)
    write_shards(["to"], tmp_path / "b", encode=encode, vocab_size=70_000, separator=0)
    assert json.loads((tmp_path / "b" / "tokens.json").read_text())["dtype"] == "uint32"
    with pytest.raises(FileExistsError):
        write_shards(["to"], tmp_path / "b", encode=encode, vocab_size=6, separator=0)


def test_a_mixture_joins_windows_and_names_documents_by_source(tmp_path: Path) -> None:
    for name, letter in (("a", "a"), ("b", "b")):
        (tmp_path / f"{name}.txt").write_text(letter * 200)
    corpora = {name: text_files(paths=[f"{tmp_path}/{name}.txt"]) for name in ("a", "b")}
    assert [document.name for document in Mixture(corpora=corpora).held_out] == [
        f"{name}/{tmp_path}/{name}.txt" for name in ("a", "b")
    ]
    windows = [Windows(corpus.train, seq_len=7) for corpus in corpora.values()]
    joined = Joined(windows)
    assert len(joined) == len(windows[0]) + len(windows[1])
    indices, epochs = np.array([30, 2, 26, 25]), np.array([1, 0, 4, 2])
    inputs, targets = joined.batch(indices, epochs)
    for row, (index, epoch) in enumerate(zip(indices, epochs, strict=True)):
        part, own = (0, index) if index < len(windows[0]) else (1, index - len(windows[0]))
        expected = windows[part].batch(np.array([own]), np.array([epoch]))
        assert torch.equal(inputs[row], expected[0][0])
        assert torch.equal(targets[row], expected[1][0])


def stream_of(folder: Path, *, text_field: str | None = None, seq_len: int = 5) -> LineStream:
    corpus = line_stream(paths=[f"{folder}/train*"], held_out_paths=[f"{folder}/held*"], text_field=text_field)
    return LineStream(corpus, seq_len=seq_len)


def write_texts(folder: Path) -> bytes:
    texts = ["first line\nsecond\n\nlast of it", "", "another file, with é\n"]
    for number, text in enumerate(texts):
        (folder / f"train_{number}.txt").write_text(text)
    (folder / "held.txt").write_text("held out\n")
    return b"".join(b"\0" + text.encode() for text in texts if text)


@pytest.mark.parametrize("num_examples", [1, 2, 3, 8, 40])
def test_a_stream_is_its_files_one_after_the_other_for_ever(tmp_path: Path, num_examples: int) -> None:
    ring = write_texts(tmp_path) * 50
    state: dict[str, Any] = {}
    stream, position = stream_of(tmp_path), 0
    for _ in range(12):
        (inputs, targets), state = stream.read(state, num_examples)
        end = position + 5 * num_examples
        assert bytes(inputs.flatten().tolist()) == ring[position:end]
        assert bytes(targets.flatten().tolist()) == ring[position + 1 : end + 1]
        position = end
        state = json.loads(json.dumps(state))


def test_a_stream_reads_the_text_of_json_lines_and_says_where_there_is_none(tmp_path: Path) -> None:
    rows = [{"text": "one"}, {"text": "two\nlines é"}, {"text": ""}]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "held.jsonl").write_text('{"text": "x"}\n{"text": "yz"}\n')
    (inputs, _), state = stream_of(tmp_path, text_field="text").read({}, 4)
    expected = b"".join(b"\0" + row["text"].encode() for row in rows) * 2
    assert bytes(inputs.flatten().tolist()) == expected[:20]
    assert state["epoch"] == 1
    corpus = line_stream(paths=[f"{tmp_path}/train*"], held_out_paths=[f"{tmp_path}/held*"], text_field="text")
    assert [document.content for document in corpus.held_out] == [b"x", b"yz"]
    with pytest.raises(ValueError, match=r"held\.jsonl, the line at byte 0: no JSON with 'body'"):
        stream_of(tmp_path, text_field="body")
    (tmp_path / "train.jsonl").write_text('{"text": "one"}\n{"text": 2}\n')
    with pytest.raises(ValueError, match=r"train\.jsonl, the line at byte 16: 'text' is no text"):
        stream_of(tmp_path, text_field="text").read({}, 4)


def test_the_state_of_other_files_is_refused(tmp_path: Path) -> None:
    write_texts(tmp_path)
    _, state = stream_of(tmp_path).read({}, 2)
    (tmp_path / "train_0.txt").write_text("changed")
    with pytest.raises(ValueError, match="not those that the run began with"):
        stream_of(tmp_path).read(state, 2)


def test_a_side_of_the_standard_library_without_files_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("pass\n")
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    with pytest.raises(ValueError, match=r"nothing is held out: held_out_fraction 0\.0001 of 1 files"):
        python_source(held_out_fraction=0.0001)
    with pytest.raises(ValueError, match="nothing is to train on"):
        python_source(held_out_fraction=0.9999)


def test_bits_per_byte_works_on_the_documents_of_a_stream(tmp_path: Path) -> None:
    write_texts(tmp_path)
    documents = line_stream(paths=[f"{tmp_path}/train*"], held_out_paths=[f"{tmp_path}/held*"]).held_out
    rows = list(bits_per_byte.score(Uniform(256), documents, seq_len=4, stride=2, batch_windows=3))
    assert bits_per_byte.metrics(rows, documents)["bits_per_byte"] == pytest.approx(8, rel=1e-6)
