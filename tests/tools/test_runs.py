"""tools/runs answers the questions of a researcher, each with one line; most in this process, as starts cost time."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from harness.analysis.screen import Column, fitted
from tests.harness.analysis.stores import write_code, write_run

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "runs"
Ask = Callable[..., tuple[int, str, str]]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


@pytest.mark.usefixtures("study")
def test_the_table_says_what_changed_and_what_came_of_it(ask: Ask) -> None:
    code, out, err = ask()
    assert (code, err) == (0, "")
    lines = [cells(line) for line in out.splitlines()]
    assert lines[1][:3] == ["experiment", "changed", "state"]
    by_experiment = {line[0]: line for line in lines}
    assert by_experiment["01_lr_02_02"][1:3] == ["lr 0.01 → 0.02", "finished"]
    assert {"2.25", "-0.250", "90 s"} <= set(by_experiment["01_lr_02_02"])  # 2.25 - 2.5
    assert by_experiment["04_lr_9_07"][1:3] == ["lr 0.02 → 9.0", "crashed"]
    assert "NaN" in by_experiment["04_lr_9_07"]
    assert [lines[2][0], lines[-1][0]] == ["04_lr_9_07", "01_base"]  # the newest first
    (looked,) = [row["num_looked"] for row in json.loads(ask("--limit", "1", "--format", "json")[1])]
    assert looked == 0


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_the_table_fits_the_terminal(ask: Ask, study: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    write_run(study, "04_a_very_long_name_of_a_change_that_goes_on_08", number=8, config={"model.kind": "gpt" * 20})
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = ask()
    assert max(map(len, out.splitlines())) <= width
    assert "looked" in out.splitlines()[1]


def test_names_that_would_look_alike_are_cut_in_their_middle() -> None:
    cells = ["22_lr_001_23+seed_1", "22_lr_001_23+seed_2", "21_a_very_long_name_22", "short"]
    text, _ = fitted([Column(title="run", cells=cells, right=False, least=10)], 16)
    assert text.split("\n") == ["run", "22_lr_001_…eed_1", "22_lr_001_…eed_2", "21_a_very_long_…", "short"]


def test_texts_with_line_ends_and_controls_stay_on_the_line_of_their_row(ask: Ask, study: Path) -> None:
    (run,) = study.glob("04_lr_9_07-*")
    (run / "run.json").write_text(json.dumps({"id": run.name, "experiment": "04_lr_9_07", "why": "a\nb\x1b[31m"}))
    code, told, _ = ask("--sql", "SELECT number, why FROM runs WHERE number = 7")
    assert (code, told.splitlines()[1:]) == (0, ["     7  a\\nb\\x1b[31m"])
    assert ask("--sql", "SELECT experiment FROM runs WHERE false")[:2] == (1, "experiment\nno rows\n")
    code, told, _ = ask("--sql", "SELECT number, NULL AS nothing, * FROM wide WHERE number = 7")
    head, _, last = told.splitlines()
    assert (code, head.split()[:2]) == (0, ["number", "nothing"])
    assert max(map(len, told.splitlines())) <= 160, "a table is never wider than its screen"
    assert re.fullmatch(r"no room for \d+ of \d+ columns: SELECT those to see; --format json has all", last)


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("sql", ["SELECT * FROM wide", "from wide", "SELECT COLUMNS('train/.*') FROM wide"])
def test_a_question_that_names_no_columns_gets_every_metric(ask: Ask, sql: str) -> None:
    (row,) = json.loads(ask("--sql", f"{sql} WHERE number = 4", "--format", "json")[1])
    assert {"train/loss", "train/loss min", "train/loss max"} <= row.keys()


def test_an_eval_of_a_run_that_died_before_it_said_so_is_no_column(ask: Ask, study: Path) -> None:
    (run,) = study.glob("04_lr_9_07-*")
    folder = run / "evals" / "a_new_one" / "step_00000002"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text('{"metrics": {"score": 1.0}}')
    code, told, _ = ask()
    assert code == 0
    assert "04_lr_9_07" in told
    assert "score" not in told


def test_a_number_means_a_run_with_a_profile_where_there_is_no_other(ask: Ask, study: Path) -> None:
    write_run(study, "04_lr_9_07+cpu_debug", number=8)
    write_run(study, "04_lr_8_08+cpu_debug", number=9)
    assert ask("show", "7")[1].startswith("04_lr_9_07-")
    assert ask("show", "8")[1].startswith("04_lr_8_08+cpu_debug-")


@pytest.mark.usefixtures("study")
def test_conditions_sorting_and_limits_choose_runs(ask: Ask) -> None:
    _, out, _ = ask("--where", "optimizer.lr >= 0.02 and state = 'finished'", "--sort", "eval/held_out/bits_per_byte")
    assert [line.split()[0] for line in out.splitlines()[2:]] == [
        "02_width_128_04",
        "01_lr_02_02",
        "04_seed_2_05",
        "02_lr_04_03",
        "04_seed_3_06",
    ]
    _, out, _ = ask("--sort", "train/loss DESC", "--limit", "2", "--columns", "optimizer.lr", "train/loss")
    assert "2 of 7 runs" in out
    assert ask("--where", "optimizer.lr > 100")[0] == 1


@pytest.mark.usefixtures("study")
def test_the_best_rate_of_each_width_is_one_line(ask: Ask) -> None:
    sql = "SELECT model.width, min_by(optimizer.lr, eval/held_out/bits_per_byte) AS lr FROM wide GROUP BY 1 ORDER BY 1"
    _, out, _ = ask("--sql", sql, "--format", "json")
    assert json.loads(out) == [{"model.width": 64, "lr": 0.02}, {"model.width": 128, "lr": 0.02}]


@pytest.mark.usefixtures("study")
def test_runs_whose_loss_spiked_after_a_step_are_one_line(ask: Ask) -> None:
    sql = "SELECT experiment, step, ratio FROM spikes('train/loss', {}) WHERE ratio > 2"
    told = json.loads(ask("--sql", sql.format(10), "--format", "json")[1])
    assert told == [{"experiment": "02_width_128_04", "step": 21, "ratio": 9.0}]
    everything = json.loads(ask("--sql", sql.format(0), "--format", "json")[1])
    assert {"experiment": "04_lr_9_07", "step": 2, "ratio": "Infinity"} in everything  # a NaN is the worst spike
    assert ask("--sql", sql.format(21))[0] == 1


@pytest.mark.usefixtures("study")
def test_what_the_best_changed_against_its_parent_is_one_line(ask: Ask) -> None:
    best = "SELECT run FROM wide ORDER BY eval/held_out/bits_per_byte LIMIT 1"
    sql = "SELECT key, parent_value, value FROM changes WHERE run = (BEST)".replace("BEST", best)
    _, out, _ = ask("--sql", sql, "--format", "json")
    assert json.loads(out) == [{"key": "model.width", "parent_value": "64", "value": "128"}]


@pytest.mark.usefixtures("study")
def test_mean_and_deviation_over_seeds_are_one_line(ask: Ask) -> None:
    code, out, _ = ask("--seeds")
    assert code == 0
    assert cells(out.splitlines()[2])[-3:] == ["2.5", "0.5", "3"]  # of 2.0, 2.5 and 3.0
    assert "1, 2, 3" in out
    assert "3 configurations have one seed" in out


@pytest.mark.usefixtures("study")
def test_what_varies_is_told_with_what_was_changed_alone(ask: Ask) -> None:
    _, out, _ = ask("--vary", "eval/held_out/bits_per_byte")
    assert ["optimizer.lr", "0.02 → 0.04", "+0.500", "02_lr_04_03"] in [cells(line) for line in out.splitlines()]
    found = json.loads(ask("--vary", "eval/held_out/bits_per_byte", "--format", "json")[1])
    assert {"model.width", "optimizer.lr", "seed"} == {key for one in found for key in one["keys"]}


@pytest.mark.usefixtures("study")
def test_curves_are_drawn_in_letters_or_as_a_picture(ask: Ask) -> None:
    code, out, _ = ask("--where", "number in (1, 4)", "--metrics", "train/loss", "--log", "y", "--smooth", "0.5")
    assert code == 0
    assert "b  01_base" in out
    code, out, _ = ask("--metrics", "train/loss", "--plot", "loss.svg")
    assert out == "loss.svg: train/loss of 7 runs\n"
    assert "02_width_128_04" in Path("loss.svg").read_text()


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("name", ["all.csv", "all.parquet"])
def test_everything_is_exported_with_a_row_per_run(ask: Ask, name: str) -> None:
    assert ask("--export", name)[0] == 0
    rows: Any = (
        pl.read_parquet(name).to_dicts()
        if name.endswith("parquet")
        else list(csv.DictReader(Path(name).read_text().splitlines()))
    )
    values = {row["experiment"]: (float(row["optimizer.lr"]), row["eval/held_out/bits_per_byte"]) for row in rows}
    assert len(rows) == 7
    assert values["02_lr_04_03"][0] == 0.04
    assert float(values["02_lr_04_03"][1]) == 2.75


@pytest.mark.usefixtures("study")
def test_the_whole_store_is_exported_once(ask: Ask) -> None:
    code, out, _ = ask("export", "parquet")
    assert code == 0
    assert "load.sql" in out
    assert pl.read_parquet("parquet/runs.parquet").height == 7
    assert "exists already" in ask("export", "parquet")[2]


@pytest.mark.usefixtures("study")
def test_a_killed_run_is_shown_as_one(ask: Ask) -> None:
    _, out, _ = ask("show", "7")
    assert "  crashed" in out.splitlines()[0]
    assert "optimizer.lr 0.02 → 9.0  configs/base.toml:1:12" in out
    assert out.count("started") == 1
    assert json.loads(ask("show", "7", "--format", "json")[1])["state"] == "crashed"


def test_the_code_of_two_runs_is_compared(ask: Ask, study: Path) -> None:
    first, second = sorted(study.iterdir())[:2]
    write_code(first, "aaa", {"src/model.py": "x = 1\n", "train.py": "same\n"})
    patch = "diff --git a/configs/x.toml b/configs/x.toml\n--- a/configs/x.toml\n+++ b/configs/x.toml\n@@\n+new\n"
    write_code(second, "bbb", {"src/model.py": "x = 2\n", "train.py": "same\n"}, patch)
    code, out, _ = ask("code", first.name, second.name)
    assert code == 1
    assert "commit aaa" in out
    assert "--- a/src/model.py\n+++ b/src/model.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n" in out
    assert f"uncommitted in {second.name}:\ndiff --git a/configs/x.toml" in out
    assert "train.py" not in out
    assert ask("code", first.name, first.name)[0] == 0
    write_code(second / "segments/001", "bbb", {"src/model.py": "x = 3\n", "train.py": "same\n"})
    told = f"{second.name} went on with other code in segment 001: src/model.py\n"
    assert ask("code", first.name, second.name)[1].endswith(told)
    assert ask("code", second.name, second.name)[1].count(told) == 1


def test_what_people_say_stands_beside_the_runs(ask: Ask, study: Path) -> None:
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    for said in (("tag", "4", "keep"), ("tag", "4", "drop"), ("tag", "4", "drop", "--remove")):
        assert ask(*said)[0] == 0
    ask("note", "4", "the spike is the data")
    ask("conclude", "4", "wider is better")
    assert {path: path.read_bytes() for path in before} == before
    _, out, _ = ask("show", "4")
    assert "tags  keep\n" in out
    assert "note  the spike is the data" in out
    assert "conclusion  wider is better" in out
    (row,) = json.loads(ask("--where", "list_contains(tags, 'keep')", "--format", "json")[1])
    assert (row["experiment"], row["tags"]) == ("02_width_128_04", ["keep"])
    assert ask("note", "4", " ")[0] == 2


def test_a_config_of_an_older_schema_is_asked_for_by_its_names_of_today(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version after the last one renames two keys: a run before that and a run after it are alike."""
    from bindings import records
    from bindings.migrations import MIGRATIONS, Renamed

    renamed = (Renamed("optimizer.step_size", "optimizer.lr"), Renamed("net", "model"))
    monkeypatch.setattr(records, "MIGRATIONS", {**MIGRATIONS, max(MIGRATIONS) + 1: renamed})
    root = tmp_path / "runs"
    old = write_run(root, "01_base", number=1)
    written = (old / "config.json").read_text()
    spelled = written.replace("optimizer.lr", "optimizer.step_size").replace("model.width", "net.width")
    (old / "config.json").write_text(spelled)
    write_run(root, "01_lr_02_02", number=2, config={"optimizer.lr": 0.02})
    asked = "SELECT number, optimizer.lr, model.width FROM wide ORDER BY 1"
    assert json.loads(ask("--sql", asked, "--format", "json")[1]) == [
        {"number": 1, "optimizer.lr": 0.01, "model.width": 64},
        {"number": 2, "optimizer.lr": 0.02, "model.width": 64},
    ]
    assert [row["changed"] for row in json.loads(ask("--format", "json")[1])] == ["lr 0.01 → 0.02", ""]
    changed = json.loads(ask("show", "2", "--format", "json")[1])["changed"]
    assert [(change["key"], change["was"], change["is"]) for change in changed] == [("optimizer.lr", 0.01, 0.02)]
    assert "no key optimizer.step_size" in ask("--where", "optimizer.step_size > 0")[2]


def test_show_and_the_table_say_the_same_of_time_and_steps(ask: Ask, study: Path) -> None:
    (run,) = study.glob("02_width*")
    back = '{"event":"evaluated","t":1.0,"seg":0,"step":0,"metrics":{}}\n'  # a clock that has gone back
    (run / "events.jsonl").write_text((run / "events.jsonl").read_text() + back)
    for number in ("1", "4", "7"):
        (row,) = json.loads(ask("--where", f"number = {number}", "--format", "json")[1])
        told = json.loads(ask("show", number, "--format", "json")[1])
        assert [told["state"], told["seconds"], told["step"]] == [row["state"], row["seconds"], row["step"]]
        assert told["seconds"] >= 0


@pytest.mark.parametrize("content", ["", "[]", '{"id": '])
def test_show_refuses_a_run_whose_record_is_broken(ask: Ask, study: Path, content: str) -> None:
    (run,) = study.glob("02_width*")
    (run / "run.json").write_text(content)
    code, _, err = ask("show", "4")
    assert (code, err.startswith(f"{run / 'run.json'}: cannot be read: ".removeprefix(f"{study.parent}/"))) == (2, True)


def test_a_run_goes_to_the_trash_and_comes_back_as_it_was(ask: Ask, study: Path) -> None:
    (run,) = study.glob("02_width*")
    files = sorted(path.relative_to(run) for path in run.rglob("*"))
    _, out, _ = ask("trash", "4")
    assert f"next: tools/runs restore {run.name}" in out
    assert "02_width" not in ask()[1]
    assert ask("restore", "4")[0] == 0
    assert sorted(path.relative_to(run) for path in run.rglob("*")) == files
    assert "02_width" in ask()[1]


def test_a_running_run_is_not_thrown_away(ask: Ask, study: Path) -> None:
    write_run(study, "01_live_09", number=9, end=None, alive=True)
    code, _, err = ask("trash", "9")
    assert code == 2
    assert "is running\n  help: stop it first" in err


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["show", "02_widht_128_04"], "no run 02_widht_128_04 in runs\n  help: did you mean 02_width_128_04"),
        (["show", "0"], "7 runs begin with 0\n  help: one of 01_base-"),
        (["--where", "optimizer.rl > 1"], "no key optimizer.rl\n  help: did you mean optimizer.lr?"),
        (["--metrics", "train/los"], "no metric or hyperparameter train/los\n  help: did you mean train/loss?"),
        (["--where", "stat = 'x'"], 'Referenced column "stat" not found'),
        (["--sql", "SELEC 1"], "Parser Error: syntax error"),
        (["--export", "runs.xlsx"], "runs.xlsx: a table ends in .parquet or .csv"),
        (["--smooth", "1", "--metrics", "train/loss"], "--smooth 1: from 0 to below 1"),
        (["--plot", "x.png"], "--plot draws curves"),
        (["--limit", "-2"], "--limit -2: a number of runs"),
        (["restore", "4"], "runs has no trash"),
        (["--root", "nowhere"], "nowhere: no directory of runs"),
        (["--root", "s3://bucket/runs", "show", "1"], "show needs the run on a disk"),
    ],
)
def test_a_mistake_is_one_sentence_and_its_mend(ask: Ask, arguments: list[str], error: str) -> None:
    code, out, err = ask(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith((error, f"Binder Error: {error}"))
    assert "help: " in err
    assert "Traceback" not in err


def test_every_command_has_help_with_an_example(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("show", "tail", "tag", "note", "conclude", "trash", "restore", "code", "export", "backfill"):
        with pytest.raises(SystemExit) as ended:
            ask(command, "--help")
        assert ended.value.code == 0
        assert f"Example: tools/runs {command}" in capsys.readouterr().out


def test_a_tail_follows_a_run_until_it_ends(study: Path) -> None:
    run = write_run(study, "01_live_09", number=9, end=None, bits=None, alive=True)
    command = [sys.executable, str(TOOL), "tail", "9", "--root", str(study)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        shown = [tail.stdout.readline() for _ in range(3)]
        with (run / "metrics.jsonl").open("a") as file:
            file.write('{"step": 3, "t": 0, "seg": 0, "train/loss": 1.25}\n{"step": 4, "t"')
            file.flush()
            shown.append(tail.stdout.readline())
            file.write(': 0, "seg": 0, "train/loss": 1.125}\n')
        with (run / "events.jsonl").open("a") as file:
            file.write(
                json.dumps({"event": "preempted", "t": time.time(), "seg": 0, "step": 4, "reason": "SIGTERM"}) + "\n"
            )
        rest, errors = tail.communicate(timeout=60)
    assert [line.split()[1] for line in shown] == ["0", "1", "2", "3"]
    assert "loss 1.25" in shown[-1]
    assert rest.splitlines()[-1] == f"{run.name} preempted"
    assert "loss 1.125" in rest
    assert (tail.returncode, errors) == (0, "")


def test_an_interrupt_ends_a_tail_cleanly(study: Path) -> None:
    write_run(study, "01_live_09", number=9, end=None, alive=True)
    command = [sys.executable, str(TOOL), "tail", "9", "--root", str(study)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        tail.stdout.readline()
        tail.send_signal(signal.SIGINT)
        _, errors = tail.communicate(timeout=60)
    assert (tail.returncode, errors) == (130, "")


def test_output_is_plain_when_piped_and_a_closed_pipe_is_no_error(study: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    piped = f"{sys.executable} {TOOL} --root {study} | head -1; exit ${{PIPESTATUS[0]}}"
    told = subprocess.run(["bash", "-c", piped], check=False, capture_output=True, text=True, env=environment)
    assert (told.returncode, told.stderr) == (0, "")
    assert "\x1b" not in told.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_on_a_full_disk_is_trouble_in_one_line(study: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, str(TOOL), "--root", str(study)]
        told = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (told.returncode, told.stderr) == (2, "the output cannot be written: No space left on device\n")


def test_asking_about_one_run_starts_without_the_database(study: Path) -> None:
    watched = (
        "import sys, runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='x')['main'](sys.argv[1:])"
    )
    heavy = "print({'duckdb', 'numpy', 'pandas', 'scipy', 'matplotlib', 'torch', 'rich'} & set(sys.modules))"
    command = [sys.executable, "-c", f"{watched}; {heavy}", str(TOOL), "show", "1", "--root", str(study)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=TOOL.parent)
    assert told.stdout.endswith("set()\n")
