"""Corpora against direct walks over real files, and windows against plain slices."""

import hashlib
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import torch

from zoo.corpus import Corpus
from zoo.losses import next_token_loss, num_targets
from zoo.python_source import python_source
from zoo.text_files import text_files
from zoo.windows import Windows

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def library() -> Corpus:
    return python_source()


def direct_walk() -> dict[str, bytes]:
    """The same files as find(1) sees them."""
    root = Path(sysconfig.get_path("stdlib"))
    found = subprocess.run(["find", ".", "-name", "*.py"], cwd=root, capture_output=True, text=True, check=True)
    names = [line.removeprefix("./") for line in found.stdout.splitlines()]
    left_out = ("test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__")
    kept = [name for name in names if not any(part in left_out for part in name.split("/")[:-1])]
    return {name: (root / name).read_bytes() for name in sorted(kept)}


def test_the_library_is_every_source_file_once(library: Corpus) -> None:
    files = direct_walk()
    held_out = {document.name: document.content for document in library.held_out}
    assert library.num_files == len(files)
    assert held_out.items() <= files.items()
    train = b"".join(b"\0" + content for name, content in files.items() if name not in held_out)
    assert library.train.tobytes() == train
    assert b"\0" not in b"".join(files.values()), "the separator is no source byte"


def test_about_a_twentieth_of_the_library_is_held_out(library: Corpus) -> None:
    assert 0.03 < len(library.held_out) / library.num_files < 0.08
    assert 0.02 < sum(len(document.content) for document in library.held_out) / len(library.train) < 0.12


def test_the_content_hash_covers_names_and_bytes(library: Corpus) -> None:
    digest = hashlib.sha256()
    for name, content in direct_walk().items():
        digest.update(name.encode() + b"\0" + str(len(content)).encode() + b"\0" + content)
    assert library.sha256 == digest.hexdigest()


def test_a_larger_fraction_holds_out_the_same_files_and_more(library: Corpus) -> None:
    more = python_source(held_out_fraction=0.2)
    assert {d.name for d in library.held_out} < {d.name for d in more.held_out}
    assert more.sha256 == library.sha256


def test_one_file_is_split_at_nine_tenths(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4 + b"rest"
    (tmp_path / "one.bin").write_bytes(content)
    corpus = text_files(paths=[str(tmp_path / "one.bin")])
    cut = int(len(content) * 0.9)
    assert corpus.train.tobytes() == b"\0" + content[:cut]
    assert [document.content for document in corpus.held_out] == [content[cut:]]


def test_globs_cross_folders_and_name_each_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("a/b/x.txt", "a/y.txt", "a/z.md", "home/h.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name * 9)
    corpus = text_files(paths=["a/**/*.txt", "a/y.txt", "~/h.txt"], held_out_fraction=0.5)
    assert corpus.num_files == 3
    assert {document.name for document in corpus.held_out} == {
        "a/b/x.txt",
        "a/y.txt",
        (tmp_path / "home/h.txt").as_posix(),
    }


def test_whole_files_are_held_out_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the names that are hashed are always the same ones
    for number in range(40):
        (tmp_path / f"{number}.txt").write_text(f"file {number}")
    corpus = text_files(paths=["*.txt"], held_out_by="files", held_out_fraction=0.3)
    held_out = {Path(document.name).name: document.content.decode() for document in corpus.held_out}
    assert 4 < len(held_out) < 20
    assert all(content == f"file {name.removesuffix('.txt')}" for name, content in held_out.items())
    assert corpus.train.tobytes().count(b"\0") == 40 - len(held_out)


def test_trouble_with_files_names_the_pattern(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "tiny.txt").write_bytes(b"x")
    for pattern, message in (
        ("none*.txt", "none.*matches no file"),
        ("", "matches only directories; name files, as in '.*txt'"),
        ("empty.txt", "empty.txt' matches only empty files"),
        ("tiny.txt", "nothing is to train on.*tiny.txt.* 1 bytes in 1 files"),
    ):
        with pytest.raises(ValueError, match=message):
            text_files(paths=[str(tmp_path / pattern)])
    with pytest.raises(ValueError, match="nothing is held out"):
        text_files(paths=[str(tmp_path / "tiny.txt")], held_out_by="files", held_out_fraction=0.0001)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1])
def test_a_split_without_two_sides_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="held_out_fraction must lie between 0 and 1"):
        python_source(held_out_fraction=fraction)


def stream(num_bytes: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, num_bytes, dtype=np.uint8)


@pytest.mark.parametrize("epoch", [0, 1, 2, 7])
def test_the_windows_of_an_epoch_are_a_cut_of_the_ring(epoch: int) -> None:
    train = stream(103)
    windows = Windows(train, seq_len=10)
    assert len(windows) == 10
    inputs, targets = windows.batch(np.arange(10), np.full(10, epoch))
    assert inputs.dtype == targets.dtype == torch.int64
    ring = train.tolist() * 2
    starts = [start for start in range(103) if inputs.flatten().tolist() == ring[start : start + 100]]
    assert len(starts) == 1
    assert targets.flatten().tolist() == ring[starts[0] + 1 : starts[0] + 101]


def test_later_epochs_cut_elsewhere() -> None:
    windows = Windows(stream(1000), seq_len=50)
    cuts = {tuple(windows.batch(np.array([3]), np.array([epoch]))[0][0].tolist()) for epoch in range(20)}
    assert len(cuts) == 20


def test_a_batch_may_cross_an_epoch() -> None:
    windows = Windows(stream(1000), seq_len=50)
    mixed, _ = windows.batch(np.array([19, 0]), np.array([0, 1]))
    assert torch.equal(mixed[0], windows.batch(np.array([19]), np.array([0]))[0][0])
    assert torch.equal(mixed[1], windows.batch(np.array([0]), np.array([1]))[0][0])


def test_a_corpus_shorter_than_a_window_is_refused() -> None:
    assert len(Windows(stream(11), seq_len=10)) == 1
    with pytest.raises(ValueError, match="has 10 bytes to train on; seq_len 10 needs 11"):
        Windows(stream(10), seq_len=10)


class Fixed(torch.nn.Module):
    """A model whose answer is known beforehand."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        assert tokens.shape == self.logits.shape[:2]
        return self.logits


def test_the_loss_sums_nats_over_targets_that_count() -> None:
    logits = torch.randn(2, 3, 5)
    targets = torch.tensor([[1, -1, 4], [-1, 0, 2]])
    batch = (torch.zeros(2, 3, dtype=torch.int64), targets)
    expected = -sum(
        logits[b, t].log_softmax(0)[targets[b, t]].item() for b in range(2) for t in range(3) if targets[b, t] >= 0
    )
    assert next_token_loss(Fixed(logits), batch).item() == pytest.approx(expected, rel=1e-5)
    assert num_targets(batch) == 4
