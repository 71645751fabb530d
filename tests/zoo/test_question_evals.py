"""Answers, multiple choice, copies and repeats, against counting and byte-by-byte scoring."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from zoo.corpus import Document
from zoo.evals import answers, copies, exact_match, multiple_choice
from zoo.evals.questions import fill, read_questions
from zoo.evals.text import bytes_of, text_fields
from zoo.generate import generate, noise_of
from zoo.gpt import Gpt

torch.set_num_threads(1)


@pytest.fixture(name="model", scope="module")
def random_model() -> nn.Module:
    torch.manual_seed(0)
    model = Gpt(num_layers=1, width=8, num_heads=2, max_positions=24)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model


def test_prompts_of_any_lengths_in_one_batch_are_continued_as_alone(model: nn.Module) -> None:
    prompts = [b"\0a", b"\0def f(x", b"\0" + b"long " * 8, b"\0b"]
    noise = [noise_of(str(index), seed=1, num_bytes=12) for index in range(4)]
    settings: dict[str, Any] = {"temperature": 1.0, "top_p": 0.9, "max_positions": 24}
    together = generate(model, prompts, noise, **settings)
    alone = [
        generate(model, [prompt], [numbers], **settings)[0] for prompt, numbers in zip(prompts, noise, strict=True)
    ]
    assert together == alone
    assert all(len(text) == 12 for text in together)


def test_a_text_that_has_ended_leaves_the_batch_and_changes_no_other(model: nn.Module) -> None:
    prompts, noise = [b"\0a", b"\0bc"], [noise_of(str(index), seed=2, num_bytes=12) for index in range(2)]
    settings: dict[str, Any] = {"temperature": 1.0, "top_p": 1.0, "max_positions": 24}
    whole = generate(model, prompts, noise, **settings)
    end = whole[0][4:5]
    ended = generate(model, prompts, noise, **settings, end=end)
    assert ended == [text[: text.find(end) + 1] if end in text else text for text in whole]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (b"ab" * 24, True),
        (b"x = 1\n" + b"the same line\n" * 4, True),
        (b"ab" * 23, False),  # 46 bytes
        (b"a unit of more than sixteen\n" * 2, False),  # twice is no circle
        (b" " * 80, False),
        (bytes(range(100)), False),
        (b"", False),
    ],
)
def test_what_counts_as_going_in_circles(text: bytes, verdict: bool) -> None:
    assert copies.repeats(text) is verdict


def test_the_longest_copy_is_found_wherever_it_starts() -> None:
    training = bytes((7 * i * i + i // 5) % 251 for i in range(3000))
    for length in (63, 64, 65, 100, 130):
        for start in (0, 1, 31, 32, 33):
            text = b"\xff" * start + training[500 : 500 + length] + b"\xff" * 9
            assert copies.longest_copy(text, training) == (length if length >= 64 else 0)


@pytest.mark.parametrize("completion", [b"text", "\u00e9".encode(), b"no \xff text", b""])
def test_a_row_keeps_every_byte(completion: bytes) -> None:
    assert bytes_of(json.loads(json.dumps(text_fields(completion)))) == completion


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ('{"id": "a"}\n{"id": "a"}', r"q.jsonl:2: the id 'a' is there already"),
        ('{"id": 1}', r'q.jsonl:1: needs an "id" that is a string'),
        ("{", r"q.jsonl:1: not JSON"),
        ("", r"0 questions"),
        ('{"id": "a"}\n\n[]', r"q.jsonl:3: needs an"),
    ],
)
def test_wrong_questions_are_refused_at_their_line(tmp_path: Path, lines: str, complaint: str) -> None:
    (tmp_path / "q.jsonl").write_text(lines)
    with pytest.raises(ValueError, match=complaint):
        read_questions(tmp_path / "q.jsonl")


def test_a_prompt_for_a_field_that_is_not_there_is_refused() -> None:
    assert fill("{a} and {{b}}", {"id": "x", "a": 1}) == "1 and {b}"
    with pytest.raises(ValueError, match=r"does not fit the question 'x': KeyError 'b'; it has id, a"):
        fill("{b}", {"id": "x", "a": 1})


def test_answers_carry_what_the_function_says(model: nn.Module) -> None:
    questions = [{"id": f"q{n}", "prompt": "ab"[: n % 3], "answer": "?", "cluster": "c"} for n in range(5)]
    rows = list(
        answers.answer(
            model,
            questions,
            prompt="{prompt}",
            scorer=lambda question, completion: {"size": len(completion), "of": question["id"]},
            num_bytes=5,
            temperature=0.0,
            max_positions=24,
            seed=0,
            end="\n",
        )
    )
    assert sorted(row["id"] for row in rows) == [question["id"] for question in questions]
    assert all((row["of"], row["size"], row["cluster"]) == (row["id"], len(row["completion"]), "c") for row in rows)
    means = answers.metrics(rows, scores={"size": {"field": "size"}})
    assert means == {"size": sum(row["size"] for row in rows) / 5, "num_answers": 5}


def test_exact_match_looks_at_the_first_line() -> None:
    assert exact_match.score({"answer": "4"}, " 4 \nmore") == {"exact": True}
    assert exact_match.score({"answer": "4"}, "44") == {"exact": False}


def test_bits_of_choices_equal_those_of_scoring_byte_by_byte(model: nn.Module) -> None:
    pairs = [(b"ab", b"cd"), (b"", b"x"), (b"a long context that is cut", b"!"), (b"q", b"a longer continuation"[:20])]
    found = multiple_choice.bits_of(model, pairs, max_positions=24)
    for (context, continuation), bits in zip(pairs, found, strict=True):
        text, expected = (b"\0" + context + continuation)[-25:], 0.0
        for position in range(len(text) - len(continuation), len(text)):
            with torch.no_grad():
                logits = model(torch.tensor([list(text[:position])]))[0, -1]
            expected -= logits.double().log_softmax(0)[text[position]].item() / math.log(2)
        assert bits == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("per_byte", "chosen"), [(False, 0), (True, 1)])
def test_bits_are_divided_by_bytes_when_asked(per_byte: bool, chosen: int) -> None:
    row = {"id": "a", "choices": ["x", "abcd"], "answer": 1, "bits": [2.0, 4.0]}
    scored = multiple_choice.rescore(row, per_byte=per_byte)
    assert (scored["chosen"], scored["correct"]) == (chosen, chosen == 1)
    costs = [2.0, 1.0] if per_byte else [2.0, 4.0]
    assert scored["probability"] == pytest.approx(2 ** -costs[1] / (2 ** -costs[0] + 2 ** -costs[1]))


def test_next_lines_come_from_the_document_and_stay_the_same() -> None:
    lines = [f"line {n:03} of this text, {n * n} and more" for n in range(30)]
    documents = [Document(name=name, content="\n".join(lines).encode()) for name in ("a.py", "b.py")]
    questions = multiple_choice.next_lines(documents, num_questions=20)
    assert questions == multiple_choice.next_lines(documents[::-1], num_questions=20)
    assert len({question["id"] for question in questions}) == 20
    for question in questions:
        name, _, number = question["id"].rpartition(":")
        assert question["cluster"] == name
        assert question["choices"][question["answer"]] == lines[int(number) - 1] + "\n"
        assert len(set(question["choices"])) == 4
        assert question["question"].endswith(lines[int(number) - 2] + "\n")


def test_choices_do_not_depend_on_the_batch(model: nn.Module) -> None:
    questions = [{"id": str(n), "question": "x" * n, "choices": ["ab", "c", "def"], "answer": n % 3} for n in range(7)]
    by_size = [
        {
            row["id"]: row
            for row in multiple_choice.choose(model, questions, max_positions=24, batch_choices=size, per_byte=True)
        }
        for size in (1, 8, 100)
    ]
    for rows in by_size:
        for name, row in rows.items():
            assert row["bits"] == pytest.approx(by_size[0][name]["bits"], rel=1e-5)
            assert row["chosen"] == by_size[0][name]["chosen"]
    assert set(multiple_choice.metrics(list(by_size[0].values()))) == {"accuracy", "probability", "num_questions"}
