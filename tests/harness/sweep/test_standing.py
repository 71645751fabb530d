"""Which run is a point's, and how a sweep is told: expected values are worked out by hand."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.launch import Refused
from harness.sweep.commands import Plan, answer
from harness.sweep.screen import best_marks
from harness.sweep.standing import Point, standings, summary_of

END = {"finished": "finished", "failed": "failed", "preempted": "preempted"}

DIES = """
import json, os, pathlib, sys, time
run = pathlib.Path(sys.argv[1])
(run / "events.jsonl").write_text("")
(run / "system.jsonl").write_text(json.dumps({"t": time.time(), "period": 5.0}))
os.kill(os.getpid(), 9)
"""  # as the run that its argument names


def point(lr: float, seed: int = 1) -> Point:
    config = {"optimizer.lr": lr, "seed": seed}
    name = f"01_lr_{lr}_{seed}"
    return Point(
        experiment=name, argument=f"configs/{name}.toml", values=config, config=config, fingerprint=(f"{lr} {seed}", "")
    )


def run_of(root: Path, at: int, of: Point, state: str, metrics: Mapping[str, Any] | None = None) -> Path:
    path = root / f"any_name-2026010{at}T000000Z-0000"
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps({"fingerprints": {"science": of.fingerprint[0], "speed": ""}}))
    (path / "events.jsonl").write_text(
        "".join(f'{{"event":"{event}"}}\n' for event in ("started", END.get(state, "x")))
    )
    beat_at = time.time() - (1_000 if state == "crashed" else 0)
    (path / "system.jsonl").write_text(json.dumps({"t": beat_at, "period": 5.0}) + "\n")
    if metrics is not None:
        entries = {key: {"last": value} for key, value in metrics.items()}
        (path / "summary.json").write_text(json.dumps({"metrics": entries, "wall_seconds": 60.0}))
    return path


def declares(run: Path, metric: str, *, higher_is_better: bool) -> None:
    result = run / "evals/x/step_00000001/result.json"
    result.parent.mkdir(parents=True)
    result.write_text(json.dumps({"scores": {metric: {"higher_is_better": higher_is_better}}}))


def test_a_run_is_that_of_the_point_with_its_values_finished_before_running_before_newest(tmp_path: Path) -> None:
    points = [point(0.1), point(0.2), point(0.3), point(0.4)]
    done = run_of(tmp_path, 1, points[0], "finished")
    run_of(tmp_path, 2, points[0], "failed")
    alive = run_of(tmp_path, 3, points[1], "running")
    run_of(tmp_path, 4, points[1], "crashed")
    run_of(tmp_path, 5, points[2], "failed")
    newest = run_of(tmp_path, 6, points[2], "preempted")
    (tmp_path / "broken-20260107T000000Z-0000").mkdir()
    (tmp_path / "broken-20260107T000000Z-0000" / "run.json").write_text("{")
    found = standings(points, tmp_path, {})
    assert [(each.run, each.state) for each in found] == [
        (done, "finished"),
        (alive, "running"),
        (newest, "preempted"),
        (None, "never ran"),
    ]
    assert [each.argument for each in found[2:]] == [str(newest), "configs/01_lr_0.4_1.toml"]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ('{"metrics": {"a": {"last": 1.5}, "b": {"last": null}}, "wall_seconds": 2}', {"a": 1.5, "wall_seconds": 2}),
        ('{"metrics": {"a": {"last": "Infinity"}, "b": {"last": "x"}}, "wall_seconds": "q"}', {"a": float("inf")}),
        ('{"metrics": {}}', {}),
        ('{"metrics": {"a": {"last": []}}, "wall_seconds": 2}', {}),
        ("[]", {}),
        ('{"metrics"', {}),
    ],
)
def test_of_a_summary_numbers_are_taken_and_of_a_torn_one_nothing(
    tmp_path: Path, text: str, numbers: dict[str, float]
) -> None:
    (tmp_path / "summary.json").write_text(text)
    assert summary_of(tmp_path) == numbers


def plan(root: Path, points: list[Point]) -> Plan:
    return Plan(words=["my sweep's.toml"], file=root / "sweep.toml", head="why", points=points, runs_dir=root)


def told(capsys: pytest.CaptureFixture[str], of: Plan, **options: Any) -> list[str]:
    given = Namespace(**{"run": None, "todo": False, "metric": None, **options})
    assert answer(of, given, train=[], science=lambda config: config) == 0
    return capsys.readouterr().out.splitlines()


def test_seeds_are_one_row_with_mean_and_sd_and_the_best_is_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = [point(lr, seed) for seed in (1, 2) for lr in (0.1, 0.2)]
    for at, (each, bits) in enumerate(zip(points, (2.0, 1.0, 4.0, 2.0), strict=True)):
        run_of(
            tmp_path, at, each, "finished", {"train/loss": 9.0, "eval/x/accuracy": 0.5, "eval/x/bits_per_byte": bits}
        )
    lines = told(capsys, plan(tmp_path, points))
    at = next(number for number, line in enumerate(lines) if line.split()[-2:] == ["sd", "n"])
    assert [line.split() for line in lines[at + 1 : at + 3]] == [
        ["0.1", "3", "1.4", "2"],  # sqrt(2) = 1.41
        ["0.2", "1.5", "0.71", "2", "best"],  # sqrt(0.5)
    ]
    assert "4 points: 4 finished" in lines


def test_without_seeds_the_best_point_is_marked_and_a_diverged_one_never(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = [point(lr) for lr in (0.1, 0.2, 0.3)]
    for at, (each, accuracy) in enumerate(zip(points, (0.5, 0.75, "NaN"), strict=True)):
        run = run_of(tmp_path, at, each, "finished", {"eval/x/accuracy": accuracy})
        declares(run, "accuracy", higher_is_better=True)
    lines = told(capsys, plan(tmp_path, points), metric="eval/x/accuracy")
    assert [line.split()[3:] for line in lines if line.startswith("01_lr")] == [
        ["finished", "0.5"],
        ["finished", "0.75", "best"],
        ["finished", "NaN"],
    ]


@pytest.mark.parametrize(
    ("metric", "higher_is_better", "marks"),
    [
        ("eval/x/copy_rate", False, ["best", ""]),  # by its name nobody could tell
        ("eval/x/copy_rate", True, ["", "best"]),
        ("eval/x/copy_rate", None, ["", ""]),
        ("eval/x/bits_per_token", None, ["best", ""]),
        ("train/lr", None, ["", ""]),
    ],
)
def test_what_is_better_is_as_the_eval_says_then_the_name_and_else_nothing_is_marked(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    metric: str,
    higher_is_better: bool | None,
    marks: list[str],
) -> None:
    points = [point(0.1), point(0.2)]
    for at, (each, value) in enumerate(zip(points, (0.5, 0.75), strict=True)):
        run = run_of(tmp_path, at, each, "finished", {metric: value})
        if higher_is_better is not None:
            declares(run, "copy_rate", higher_is_better=higher_is_better)
    lines = told(capsys, plan(tmp_path, points), metric=metric)
    assert ["best" if line.endswith("best") else "" for line in lines if line.startswith("01_lr")] == marks


def test_a_metric_that_no_run_has_is_refused(tmp_path: Path) -> None:
    run_of(tmp_path, 1, point(0.1), "finished", {"eval/x/accuracy": 0.5})
    given = Namespace(run=None, todo=False, metric="eval/x/accurcy")
    with pytest.raises(Refused, match=r"did you mean eval/x/accuracy\?"):
        answer(plan(tmp_path, [point(0.1)]), given, train=[], science=lambda config: config)


def test_the_best_of_the_last_key_is_marked_for_each_setting_of_the_others() -> None:
    settings = [{"width": width, "lr": lr} for width in (64, 128) for lr in (1, 2)]
    assert best_marks(settings, [3.0, 2.0, 1.0, float("nan")], better=min) == ["", "best", "best of all", ""]
    assert best_marks(settings, [float("nan")] * 4, better=min) == [""] * 4
    assert best_marks(settings, [1.0, 2.0, 3.0, 3.0], better=min) == ["best of all", "", "", ""], "none of equals"
    assert best_marks(settings, [1.0] * 4, better=min) == [""] * 4
    kinds = [{"kind": kind, "lr": lr} for kind, lr in (("adamw", 1), ("sgd", 2), ("muon", 3))]
    assert best_marks(kinds, [3.0, 1.0, 2.0], better=min) == ["", "best of all", ""], "nor one without another"
    assert best_marks(kinds[:1], [3.0], better=min) == [""]


def test_what_is_left_is_told_as_arguments_and_as_a_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = [point(0.1), point(0.2), point(0.3), point(0.4), point(0.4)]
    run_of(tmp_path, 1, points[0], "finished", {})
    failed = run_of(tmp_path, 2, points[1], "failed")
    run_of(tmp_path, 3, points[2], "running")
    assert told(capsys, plan(tmp_path, points), todo=True) == [str(failed), "configs/01_lr_0.4_1.toml"]
    lines = told(capsys, plan(tmp_path, points))
    quoted = """'my sweep'"'"'s.toml'"""  # as a shell reads it
    assert lines[-5:] == [
        "5 points: 1 finished, 1 failed, 1 running, 2 never ran",
        "4 of them differ: the others learn the same as one of these, and share its run",
        f"01_lr_0.2_1 failed ({failed})",
        f"next: tools/sweep {quoted} --run 2",
        f"  or: sbatch --array=0-1 docs/slurm.sh $(tools/sweep {quoted} --todo)",
    ]


def test_a_process_that_was_killed_under_a_sweep_is_not_told_as_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of = point(0.1)
    run = run_of(tmp_path, 1, of, "failed")
    (tmp_path / "sweep.toml").touch()
    given = Namespace(run=1, todo=False, metric=None)
    ends = answer(plan(tmp_path, [of]), given, train=[sys.executable, "-c", DIES], science=lambda config: config)
    lines = capsys.readouterr().out.splitlines()
    assert ends == 1
    assert "1 points: 1 crashed" in lines
    assert f"01_lr_0.1_1 ended by signal 9 ({run})" in lines
    assert lines[-2].startswith("next: tools/sweep"), "which goes on with it"


@pytest.mark.parametrize(("profile", "said"), [("", "IS NULL"), ("+debug", "IS NOT NULL")])
def test_what_is_next_asks_for_the_parent_too_and_for_no_runs_of_another_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], profile: str, said: str
) -> None:
    names = ("01_lr_1_02", "01_baseline")  # of which the last is the parent
    points = [replace(point(lr), experiment=name + profile) for lr, name in zip((0.1, 0.2), names, strict=True)]
    root = tmp_path / "my runs"
    for at, each in enumerate(points):
        run_of(root, at, each, "finished", {"train/loss": 1.0})
    assert told(capsys, plan(root, points))[-1] == (
        f"next: tools/runs --root '{root}' --where '1 IN (number, parent) AND profile {said}' "
        "--vary train/loss says what made the difference"
    )


def test_a_narrow_terminal_is_told_which_result_it_does_not_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    run_of(tmp_path, 1, point(0.1), "finished", {"eval/x/bits_per_byte": 1.0})
    lines = told(capsys, plan(tmp_path, [point(0.1)]))
    assert "no room for bits_per_byte; a wider terminal has it" in lines


@pytest.mark.parametrize("number", [0, -1, 257])
def test_a_number_of_processes_is_refused(tmp_path: Path, number: int) -> None:
    given = Namespace(run=number, todo=False, metric=None)
    with pytest.raises(Refused, match="1 to 256"):
        answer(plan(tmp_path, [point(0.1)]), given, train=[], science=lambda config: config)
