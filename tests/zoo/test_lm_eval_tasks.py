"""Real tasks of lm-evaluation-harness on files of this machine. Skipped where the package is not installed."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("lm_eval", reason="lm_eval is not installed (docs/evals.md says how)")
from zoo.evals import lm_eval_tasks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DATA = "dataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {path}\ntest_split: test\n"
CHOICE = """task: letters
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: answer
target_delimiter: ""
metric_list:
  - metric: acc
"""
GREEDY = """task: next_letter
output_type: loglikelihood
doc_to_text: "{{question}}"
doc_to_target: "{{after}}"
target_delimiter: ""
metric_list:
  - metric: acc
"""
WRITE = """task: write
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{after}}"
target_delimiter: ""
generation_kwargs:
  until: ["e"]
metric_list:
  - metric: exact_match
"""
ROLLING = """task: whole
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{after}}"
metric_list:
  - metric: byte_perplexity
"""


class Alphabet(nn.Module):
    """After each byte the next one has the probability 256/257, and each other one 1/257/255."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, tokens_BT: Tensor) -> Tensor:
        logits_BTV = torch.zeros(*tokens_BT.shape, 256)
        return logits_BTV.scatter_(2, ((tokens_BT + 1) % 256)[..., None], math.log(256 * 255.0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four tasks about the alphabet."""
    rows = [
        {"question": "a", "choices": ["b", "z"], "answer": 0, "after": "bcd"},
        {"question": "k", "choices": ["q", "l"], "answer": 1, "after": "lmn"},
        {"question": "s", "choices": ["t", "u"], "answer": 1, "after": "tuw"},
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, text in (("letters", CHOICE), ("next_letter", GREEDY), ("write", WRITE), ("whole", ROLLING)):
        (tmp_path / f"{name}.yaml").write_text(text + DATA.format(path=tmp_path / "rows.jsonl"))
    return tmp_path


def test_tasks_on_local_files_give_the_numbers_that_counting_gives(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(folder / "cache"))
    monkeypatch.setenv("LOCAL_RANK", "1")  # not the first process of its machine
    settings: dict[str, Any] = {"max_questions": None, "num_bytes": 8, "max_positions": 16, "seed": 1}
    torch.manual_seed(5)
    before = torch.get_rng_state()
    tasks = ["letters", "next_letter", "write", "whole"]
    rows = list(lm_eval_tasks.measure(Alphabet(), tasks, include_path=str(folder), **settings))
    assert torch.equal(torch.get_rng_state(), before), "training around it draws what it would have drawn"
    assert [(row["id"], row["num_questions"]) for row in rows] == [(task, 3) for task in tasks]
    numbers = lm_eval_tasks.metrics(rows)
    assert numbers["letters/acc"] == pytest.approx(2 / 3), "the third says that u follows s"
    assert numbers["next_letter/acc"] == pytest.approx(2 / 3), "of w after u it is not the likeliest"
    assert numbers["write/exact_match"] == pytest.approx(1 / 3), "after a comes bcd, until e"
    nats = 4 * math.log(257 * 255) + 5 * math.log(257 / 256)  # of b, l, t after nothing, w after u; and of the others
    assert numbers["whole/byte_perplexity"] == pytest.approx(math.exp(nats / 9), rel=1e-4)
    assert json.loads(json.dumps(rows))[0]["samples"][0]["doc"]["question"] == "a", "a row is plain JSON"
