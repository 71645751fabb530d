"""Experiments in Python files and in the records of runs: read, refused with their place, trained."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from bindings.experiment import fingerprint, from_file, from_record, run_of
from bindings.optimizer import AdamW, Muon
from bindings.plain import flat, to_plain
from harness.launch import Refused
from harness.record import write_record

ROOT = Path(__file__).parents[2]

TINY = """\
from bindings.data import TextFiles
from bindings.experiment import train_file
from bindings.model import Gpt
from bindings.optimizer import AdamW
from bindings.run import Run, Train
from bindings.schedule import Constant

why = "does Python do?"
seq_len = 8
run = Run(
    seed=1,
    model=Gpt(num_layers=1, width=8, num_heads=2, max_positions=seq_len),
    data=TextFiles(seq_len=seq_len, paths=["*.txt"]),
    optimizer=AdamW(lr=1),
    schedule=Constant(),
    train=Train(num_steps=3, batch_size=2, num_threads=1),
)

if __name__ == "__main__":
    train_file(__file__)
"""

CHILD = """\
from pathlib import Path

from bindings.experiment import run_of
from bindings.optimizer import Muon
from bindings.override import override

run = override(run_of(Path(__file__).with_name("01_tiny.py")), optimizer=Muon(lr=0.02))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "01_tiny.py").write_text(TINY)
    (tmp_path / "words.txt").write_text("to be or not to be, that is the question " * 9)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_gives_its_run_with_exact_types_and_what_the_record_keeps(folder: Path) -> None:
    run, experiment = from_file(Path("01_tiny.py"))
    assert run.data.seq_len == 8
    assert repr(run.optimizer) == repr(AdamW(lr=1.0)), "a float that was written as 1 is a float"
    assert (experiment.name, experiment.why) == ("01_tiny", "does Python do?")
    assert experiment.config == dict(flat(to_plain(run)))
    assert experiment.origins["optimizer.lr"] == "01_tiny.py"
    assert experiment.files == {"layers/00_01_tiny.py": (folder / "01_tiny.py").read_bytes()}
    assert experiment.fingerprint == fingerprint(to_plain(run))


@pytest.mark.usefixtures("folder")
def test_a_child_is_an_override_of_another_files_run() -> None:
    Path("01_muon_02.py").write_text(CHILD)
    child = run_of("01_muon_02.py")
    assert child.optimizer == Muon(lr=0.02)
    assert child.model == run_of("01_tiny.py").model


@pytest.mark.usefixtures("folder")
def test_the_run_of_a_record_is_equal_whatever_made_it() -> None:
    run, experiment = from_file(Path("01_tiny.py"))
    Path("runs/a").mkdir(parents=True)
    write_record(Path("runs/a"), experiment, {})
    again, of_record = from_record(Path("runs/a"))
    assert repr(again) == repr(run)
    assert (of_record.name, of_record.why, of_record.config) == (experiment.name, experiment.why, experiment.config)

    config = json.loads(Path("runs/a/config.json").read_text())
    config["model.width"]["value"] = "8"
    Path("runs/a/config.json").write_text(json.dumps(config))
    with pytest.raises(Refused, match=r"^runs/a/config\.json: model\.width: expected a whole number, got str '8'$"):
        from_record(Path("runs/a"))
    Path("runs/a/config.json").write_text("{")
    with pytest.raises(Refused, match=r"^runs/a: cannot be read as a run: "):
        from_record(Path("runs/a"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("run = 3\n", "x.py: an experiment defines `run = Run(...)`, and this file does not"),
        ("", "x.py: an experiment defines `run = Run(...)`, and this file does not"),
        ("x = (\n", "x.py:1: SyntaxError: '(' was never closed\n  1 | x = ("),
        ("a = 1\nb = a / 0\n", "x.py:2: ZeroDivisionError: division by zero\n  2 | b = a / 0"),
        (
            "from bindings.model import Gpt\n\nGpt(num_layers=1, width=7, num_heads=2, max_positions=1)\n",
            "x.py:3: Misfit: must divide width = 7 into heads of even size, got 2\n  3 | Gpt(",
        ),
        ('from bindings.optimizer import Sgd\nSgd(lr="0.1")\n', "x.py:2: TypeError: lr: '>' not supported between"),
        (
            CHILD.replace("optimizer=Muon(lr=0.02)", "model=override(widht=4)"),
            "x.py:7: Misfit: model.widht: Gpt has no such field; did you mean width?\n  7 | run = override(",
        ),
        (TINY.replace("width=8", 'width=8, tied_head="no"'), "x.py: model.tied_head: expected true or false, got str"),
        (TINY.replace('"does Python do?"', "3"), 'x.py: an experiment defines `why = "..."`, and this file does not'),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_mistake_in_a_file_is_refused_at_its_line(text: str, said: str) -> None:
    Path("x.py").write_text(text)
    with pytest.raises(Refused) as refusal:
        from_file(Path("x.py"))
    assert str(refusal.value).startswith(said)


@pytest.mark.usefixtures("folder")
def test_a_mistake_in_a_file_that_another_one_reads_is_said_once() -> None:
    Path("01_tiny.py").write_text(TINY.replace("seed=1", "seed=-1"))
    Path("02_child.py").write_text(CHILD)
    with pytest.raises(Refused, match=r"01_tiny\.py:10: ValueError: 'seed' must be >= 0: -1"):
        from_file(Path("02_child.py"))
    with pytest.raises(Refused, match=r"^nowhere\.py: no such file$"):
        from_file(Path("nowhere.py"))


@pytest.mark.slow
def test_train_py_trains_a_file_and_so_does_the_file_itself(folder: Path) -> None:
    search = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    losses: list[tuple[Path, list[float]]] = []
    for command in ([str(ROOT / "train.py"), "01_tiny.py"], ["01_tiny.py"]):
        done = subprocess.run(
            [sys.executable, *command],
            env={**os.environ, "PYTHONPATH": search, "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        (path,) = set((folder / "runs").iterdir()) - {before for before, _ in losses}
        assert path.name.startswith("01_tiny-")
        assert (path / "layers" / "00_01_tiny.py").read_text() == TINY
        assert (path / "code" / "source" / "src" / "harness" / "loop.py").exists()
        assert from_record(path)[0] == run_of("01_tiny.py")
        rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
        losses.append((path, [row["train/loss"] for row in rows]))
    assert len(losses[0][1]) == 3
    assert losses[0][1] == losses[1][1]


def test_layers_do_not_go_on_a_python_file(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), "01_tiny.py", "more.toml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert dedent(done.stderr).splitlines()[-1] == "  help: bindings.override makes a variant of a run"
