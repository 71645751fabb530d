"""Evals that are killed, that fail in one item, that are done again, and what is scored anew."""

import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from harness.evals.fingerprint import weights_fingerprint
from harness.evals.later import Cell, choose_checkpoint, is_done
from harness.evals.new import new_eval, tagged_questions
from harness.evals.rescore import rescore
from harness.evals.screen import told
from harness.evaluate import evaluate
from harness.job import Eval, Job, Row
from harness.launch import Refused
from harness.ranks import Ranks
from harness.rows import RowWriter, read

MakeJob = Callable[..., Job]
PROJECT = Path(__file__).parents[2]
IDENTITY = {"eval": "double", "version": 1, "source_sha256": "a", "prompts_sha256": None, "decoding": {"n": 1}}
FACTS = {"step": 7, "checkpoint": "seal"}


class Killed(BaseException):
    """As a kill does: nothing catches it."""


def doubling(asked: list[int], *, killed_at: int | None = None, broken: Sequence[int] = ()) -> Eval:
    def rows(_model: nn.Module, items: Sequence[int]) -> Iterator[Row]:
        for item in items:
            if item == killed_at:
                raise Killed
            if item in broken:
                raise ValueError(f"cannot take {item}")
            asked.append(item)
            yield {"id": f"n{item:02}", "double": 2 * item, "even": item % 2 == 0}

    return Eval(
        items=range(10),
        rows=rows,
        metrics=lambda rows: {"mean": sum(row["double"] for row in rows) / len(rows)},
        scores={"mean": {"field": "double", "higher_is_better": True}},
        identity=IDENTITY,
        id_of=lambda item: f"n{item:02}",
        rescore=lambda row: row | {"double": 3 * int(row["id"][1:])},
    )


def done(job: Job, ranks: Ranks, folder: Path, evaluation: Eval, **changed: Any) -> Any:
    facts = {"facts": FACTS} | changed
    return evaluate(replace(job, evals={"e": evaluation}), "e", ranks, folder, **facts)


def test_a_killed_eval_goes_on_where_it_stopped(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    job, asked, again = make_job(), list[int](), list[int]()
    with pytest.raises(Killed):
        done(job, alone, tmp_path / "step_00000007", doubling(asked, killed_at=6))
    assert len(read(tmp_path / ".running_step_00000007" / "samples.jsonl")) == 6, "rows are on disk as they come"
    assert not (tmp_path / "step_00000007").exists()
    assert done(job, alone, tmp_path / "step_00000007", doubling(again)) == {"mean": 9.0}
    assert again == [6, 7, 8, 9]
    assert [row["double"] for row in read(tmp_path / "step_00000007" / "samples.jsonl")] == list(range(0, 20, 2))
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000007"]


@pytest.mark.parametrize("what", ["weights", "identity", "checkpoint"])
def test_rows_of_another_content_are_not_kept(make_job: MakeJob, alone: Ranks, tmp_path: Path, what: str) -> None:
    job, asked = make_job(), list[int]()
    with pytest.raises(Killed):
        done(job, alone, tmp_path / "step_00000007", doubling([], killed_at=6))
    evaluation, facts = doubling(asked), FACTS
    if what == "weights":
        with torch.no_grad():
            next(iter(job.model.parameters()))[0, 0] += 1e-3
    elif what == "identity":
        evaluation = replace(evaluation, identity=IDENTITY | {"version": 2})
    else:
        facts = FACTS | {"checkpoint": "another"}
    done(job, alone, tmp_path / "step_00000007", evaluation, facts=facts)
    assert asked == list(range(10))


def test_an_item_that_fails_is_a_row_and_all_failing_is_an_error(
    make_job: MakeJob, alone: Ranks, tmp_path: Path
) -> None:
    done(make_job(), alone, tmp_path / "step_00000007", doubling([], broken=[3, 5]))
    rows = read(tmp_path / "step_00000007" / "samples.jsonl")
    assert [row["id"] for row in rows if "error" in row] == ["n03", "n05"]
    assert rows[3]["error"].startswith("ValueError: cannot take 3 (test_evals.py:")
    result = json.loads((tmp_path / "step_00000007" / "result.json").read_text())
    assert (result["num_rows"], result["num_errors"]) == (10, 2)
    assert result["metrics"] == {"mean": 2 * (45 - 8) / 8}
    with pytest.raises(RuntimeError, match="none of 10 items could be scored; the first: ValueError: cannot take 0"):
        done(make_job(), alone, tmp_path / "step_00000008", doubling([], broken=range(10)))


def cell(tmp_path: Path, **changed: Any) -> Cell:
    run = tmp_path / "01_a-20260101T000000Z-0000"
    parts: dict[str, Any] = {
        "run": run,
        "name": "e",
        "checkpoint": run / "checkpoints" / "step_00000007",
        "seal": "seal",
    }
    return Cell(**parts | {"identity": IDENTITY} | changed)


def test_a_result_holds_until_something_it_depends_on_changes(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    here = cell(tmp_path)
    assert not is_done(here)
    done(make_job(), alone, here.folder, doubling([]))
    assert is_done(here)
    assert not is_done(cell(tmp_path, seal="of another checkpoint"))
    for key in ("version", "source_sha256", "prompts_sha256", "decoding"):
        assert not is_done(cell(tmp_path, identity=IDENTITY | {key: "other"})), key
    done(make_job(), alone, here.folder, doubling([]), facts={"step": 7, "checkpoint": None})
    assert is_done(here), "a result of the training is of the weights at its step"


def test_a_later_result_sets_the_older_one_aside(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    here = cell(tmp_path)
    for _ in range(3):
        done(make_job(), alone, here.folder, doubling([]), keep_older=True)
    names = sorted(path.name for path in here.folder.parent.iterdir())
    assert names[0] == "step_00000007"
    assert len(names) == 3
    assert all(name.startswith("step_00000007.before_") for name in names[1:])


def test_kept_outputs_are_scored_anew_and_others_are_refused(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    here, asked = cell(tmp_path), list[int]()
    with pytest.raises(Refused, match="no outputs to score"):
        rescore(here, doubling(asked))
    done(make_job(), alone, here.folder, doubling([]))
    changed = cell(tmp_path, identity=IDENTITY | {"source_sha256": "b"})
    assert rescore(changed, doubling(asked)) is True
    assert asked == []
    assert json.loads((here.folder / "result.json").read_text())["metrics"] == {"mean": 13.5}
    assert is_done(changed)
    assert rescore(changed, doubling(asked)) is False
    with pytest.raises(Refused, match="made with another prompts_sha256"):
        rescore(cell(tmp_path, identity=IDENTITY | {"prompts_sha256": "other"}), doubling(asked))


def test_the_table_has_the_mean_and_counts_errors_apart(make_job: MakeJob, alone: Ranks, tmp_path: Path) -> None:
    here = cell(tmp_path)
    done(make_job(), alone, here.folder, doubling([], broken=[9]))
    shown = told(here.run, "e", here.folder)
    mean = shown["intervals"]["mean"]
    assert (mean["mean"], mean["num_items"], mean["num_errors"]) == (8.0, 9, 1)
    assert mean["low"] < 8 < mean["high"]
    assert json.loads((here.folder / "intervals_2.json").read_text())["mean"] == mean


def test_a_checkpoint_is_chosen_by_step_by_age_or_by_a_metric(tmp_path: Path) -> None:
    for step, value in ((10, 2.0), (20, 1.0), (100, 3.0)):
        folder = tmp_path / "checkpoints" / f"step_{step:08}"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({"metrics": {"eval/a/b": value}}))

    def chosen(which: str, *, lowest: str | None = None, highest: str | None = None) -> str:
        return choose_checkpoint(tmp_path, which, lowest=lowest, highest=highest).name

    assert chosen("last") == "step_00000100"
    assert chosen("20") == "step_00000020"
    assert chosen("best", lowest="eval/a/b") == "step_00000020"
    assert chosen("best", highest="eval/a/b") == "step_00000100"
    with pytest.raises(Refused, match="one of the steps 10, 20, 100"):
        chosen("30")
    with pytest.raises(Refused, match="does not say by what its checkpoints are best"):
        chosen("best")


def test_weights_differ_when_one_bit_does() -> None:
    model = nn.Linear(3, 2)
    before = weights_fingerprint(model)
    assert weights_fingerprint(model) == before
    with torch.no_grad():
        model.bias[1] = torch.nextafter(model.bias[1], torch.tensor(torch.inf))
    assert weights_fingerprint(model) != before


def test_whatever_a_checkpoint_holds_is_in_the_fingerprint_and_nothing_else() -> None:
    model, unsaved = nn.Sequential(nn.Embedding(4, 3), nn.BatchNorm1d(3)), torch.ones(2)
    model.register_buffer("unsaved", unsaved, persistent=False)
    found = [weights_fingerprint(model)]
    unsaved.zero_()
    assert weights_fingerprint(model) == found[0]
    for tensor in model.state_dict().values():
        tensor.add_(1)
        found.append(weights_fingerprint(model))
    assert len(set(found)) == len(found) == 7


def project(folder: Path) -> Path:
    for name in ("bindings/questions.py", "docs/house.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text((PROJECT / name).read_text())
    return folder


def test_a_new_eval_is_new_files_and_one_line_in_the_registry(tmp_path: Path) -> None:
    ours = project(tmp_path / "ours")
    before = (ours / "bindings/questions.py").read_text().splitlines()
    written = new_eval(ours, "brackets")
    after = (ours / "bindings/questions.py").read_text().splitlines()
    assert [line for line in after if line not in before] == ['    "brackets": "zoo.evals.brackets",']
    source = (ours / written[0]).read_text()
    compile(source, "brackets.py", "exec")
    assert source.count("\n") <= 15
    with pytest.raises(Refused, match="is there already"):
        new_eval(ours, "brackets")
    with pytest.raises(Refused, match="no name for an eval"):
        new_eval(ours, "Not-A-Name")


def test_tagged_samples_become_questions(tmp_path: Path) -> None:
    run = tmp_path / "01_a-20260101T000000Z-0000"
    samples = run / "evals" / "e" / "step_00000007"
    samples.mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    writer = RowWriter(samples / "samples.jsonl")
    for number in range(3):
        writer.write({"id": f"p{number}", "prompt": f"say {number}", "completion": "no"})
    writer.close()
    notes = RowWriter(tmp_path / "notes" / "me.jsonl")
    for t, (event, name) in enumerate([("sample_tag", "p0"), ("sample_tag", "p2"), ("sample_untag", "p0")]):
        notes.write({"event": event, "t": t, "run": run.name, "eval": "e", "step": 7, "id": name, "text": "wrong"})
    notes.close()
    (question,) = tagged_questions(tmp_path, "wrong")
    assert (question["prompt"], question["was"]) == ("say 2", "no")
    assert question["id"] == f"{run.name}/e/step_00000007#p2"
    written = "a\nb" * 30
    ours = project(tmp_path / "ours")
    new_eval(ours, "long", [question | {"was": written}])
    new_eval(ours, "short", [question])
    layers = [tomllib.loads((ours / f"evals/{name}.toml").read_text())["eval"][name] for name in ("long", "short")]
    assert [layer["num_bytes"] for layer in layers] == [len(written), len("no")], "room for what was seen by eye"
    assert [layer.get("end") for layer in layers] == [None, "\n"]
    with pytest.raises(Refused, match="no sample has the tag 'other'"):
        tagged_questions(tmp_path, "other")
