"""tools/compare on real run directories: one screen, the exit codes, samples by their address; no traceback."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.comparison.eval_runs import bare_run, write_eval

OK: dict[str, dict[str, Any]] = {"rate": {"field": "ok"}}
Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(opened: Callable[[str, int], Ask]) -> Ask:
    """The exit code, output and errors of tools/compare."""
    return opened("compare", 120)


@pytest.fixture
def study(tmp_path: Path) -> tuple[Path, Path]:
    """Two runs of 20 items: the second has 12 more of them right, loses one, and has a hostile id."""
    a = bare_run(tmp_path / "runs", "01_base", 1)
    b = bare_run(tmp_path / "runs", "01_lr_02_02", 2, **{"optimizer.lr": 0.02})
    names = ["evil\x1b[2J", *(f"p{at}" for at in range(1, 20))]
    for run, right in ((a, {0, 1, 2}), (b, set(range(1, 15)))):
        sampled = [
            {"id": name, "prompt": "say ", "completion": f"{at in right}\x1b[31m\nend", "ok": at in right}
            for at, name in enumerate(names)
        ]
        write_eval(run, "quiz", sampled, OK, step=1200)
    return a, b


def test_the_screen_says_config_words_flips_and_what_is_next(ask: Ask, study: tuple[Path, Path]) -> None:
    code, out, err = ask("1", "2")
    a, b = study
    assert (code, err) == (1, "")
    assert out.splitlines()[:2] == [f"A  {a.name}", f"B  {b.name}"]
    assert "optimizer.lr  0.01 → 0.02  configs/base.toml:1:12" in out
    (line,) = [line.split() for line in out.splitlines() if "quiz/rate" in line and "[" in line]
    assert line[:3] == ["quiz/rate", "high", "0.15"]
    assert line[-1] == "better"
    assert "0.0034" in line, "exact McNemar of 12 against 1: 2 (1 + 13) / 2^13"
    assert "one run each: nothing is known about the noise between runs" in out
    assert "quiz/rate: 1 lost, 12 won" in out
    assert f"lost  1 → 0  {b.name}/quiz/step_00001200#evil\\x1b[2J" in out
    assert out.splitlines()[-1] == f"next: tools/look {a.name} {b.name}"
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 120


def test_the_other_way_round_it_is_worse(ask: Ask, study: tuple[Path, Path]) -> None:
    code, out, _ = ask(study[1].name, study[0].name, "--flips", "0")
    assert code == 1
    assert "worse" in out
    assert "#" not in out


def test_runs_that_cannot_be_told_apart_are_0(ask: Ask, study: tuple[Path, Path]) -> None:
    for run in study:
        write_eval(run, "quiz", [{"id": f"p{at}", "ok": at % 2 == 0} for at in range(10)], OK, step=1300)
    code, out, _ = ask("1", "2")
    assert code == 0
    assert "cannot tell: all items are equal" in out


def test_seeds_stand_apart_from_items(ask: Ask, study: tuple[Path, Path], tmp_path: Path) -> None:
    for number, seed in ((3, 2), (4, 3)):
        for base, lr in (("01_base", 0.01), ("01_lr_02_02", 0.02)):
            run = bare_run(tmp_path / "runs", f"{base}_seed", number, seed=seed, **{"optimizer.lr": lr})
            sampled = [{"id": f"p{at}", "ok": at < seed + 500 * (lr - 0.01)} for at in range(20)]
            write_eval(run, "quiz", sampled, OK, step=1200)
    code, out, _ = ask(*(run.name for run in study))
    (line,) = [line for line in out.splitlines() if "Welch p" in line]
    assert code == 1
    assert "quiz/rate  A 0.1333 ± 0.029 (n 3)  B 0.4833 ± 0.19 (n 3)" in line, "0.15 0.1 0.15 and 0.7 0.35 0.4"
    assert "one run each" not in out


@pytest.mark.usefixtures("study")
def test_json_has_all_digits_and_all_items(ask: Ask) -> None:
    code, out, _ = ask("1", "2", "--format", "json")
    told = json.loads(out)
    (compared,) = told["compared"]
    assert code == 1
    assert compared["verdict"]["word"] == "better"
    assert compared["paired"]["p"] == pytest.approx(2 * 14 / 2**13)
    assert len(compared["won"]) == 12
    assert told["changes"][0]["key"] == "optimizer.lr"


def test_an_address_prints_the_raw_sample_and_that_of_the_other_run(ask: Ask, study: tuple[Path, Path]) -> None:
    code, out, _ = ask("2/quiz/step_1200#evil\\x1b[2J", "1")
    assert code == 0
    assert out.splitlines()[0] == "2/quiz/step_00001200#evil\\x1b[2J"
    assert out.splitlines()[-2:] == ["  | True\\x1b[31m", "  | end"]
    assert f"{study[0].name}/quiz/step_00001200#evil" in out
    assert "\x1b" not in out


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("1",), "a comparison takes two runs"),
        (("1", "1"), "differs in nothing from itself"),
        (("1", "7"), "no run 7"),
        (("1", "2", "--eval", "qiz"), "no result of it in"),
        (("1/quiz/step_1200#nobody",), "has no item nobody"),
        (("1/quiz/step_7#p1",), "no quiz at step 7"),
        (("1#p1",), "no address of a sample"),
        (("1", "2", "--root", "elsewhere"), "no directory of runs"),
    ],
)
def test_trouble_is_2_and_one_sentence(ask: Ask, words: tuple[str, ...], said: str) -> None:
    code, out, err = ask(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


@pytest.mark.usefixtures("study")
def test_without_the_packages_it_says_which(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "statsmodels" else found(name))
    code, _, err = ask("1", "2")
    assert code == 2
    assert err.splitlines() == ["comparing runs needs statsmodels", "  help: pip install statsmodels"]
