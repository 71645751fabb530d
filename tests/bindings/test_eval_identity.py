"""What makes two measurements the same one: settings, data and source, and neither speed nor the run's own sizes."""

from typing import Any

import pytest

from bindings.eval_identity import identity_of
from bindings.evals import BitsPerByte, Completions
from bindings.questions import MultipleChoice
from zoo.corpus import Document, corpus

HELD_OUT = Document(name="a.py", content=b"".join(b"a_name_%d = %d\n" % (at, at * at) for at in range(20)))
CORPUS = corpus(train=[Document(name="b.py", content=b"x = 1\n")], held_out=[HELD_OUT], files=[HELD_OUT])


def identity(evaluation: Any, *, seq_len: int = 64, seed: int = 1) -> dict[str, Any]:
    return identity_of(evaluation, CORPUS, seq_len=seq_len, sample_seed=seed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BitsPerByte(stride=8), BitsPerByte(stride=8, batch_windows=3)),
        (MultipleChoice(), MultipleChoice(batch_choices=3)),
    ],
)
def test_how_much_shares_a_forward_pass_is_no_part_of_it(one: Any, other: Any) -> None:
    assert identity(one) == identity(other)


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        (BitsPerByte(stride=8), BitsPerByte(stride=16), {"decoding"}),
        (BitsPerByte(stride=8), BitsPerByte(stride=8, max_bytes=9), {"decoding"}),
        (MultipleChoice(), MultipleChoice(per_byte=False), {"decoding"}),
        (Completions(prompts=("a",), num_bytes=2), Completions(prompts=("b",), num_bytes=2), {"prompts_sha256"}),
        (
            Completions(prompts=("a",), num_bytes=2),
            Completions(prompts=("a",), num_bytes=2, samples_per_prompt=5),
            {"decoding"},
        ),
    ],
)
def test_what_changes_rows_changes_it(one: Any, other: Any, apart: set[str]) -> None:
    a, b = identity(one), identity(other)
    assert {key for key in a if a[key] != b[key]} == apart


def test_the_context_and_the_seed_of_a_run_stand_apart_from_how_it_is_measured() -> None:
    evaluation = Completions(prompts=("a",), num_bytes=2)
    a, b = identity(evaluation), identity(evaluation, seq_len=128, seed=2)
    assert {key for key in a if a[key] != b[key]} == {"context", "seed"}
