"""How a process learns what was launched, and how it ends."""

import os
import signal
import subprocess
import sys

import pytest

from harness.launch import Refused, check_world, launch_line, launched_processes, say_mistake


@pytest.fixture(autouse=True)
def _not_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "GROUP_WORLD_SIZE", "ACCELERATE_MIXED_PRECISION"):
        monkeypatch.delenv(name, raising=False)


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"from harness.launch import *\n{code}", "first", "second"]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


def test_without_a_launcher_one_process_is_meant() -> None:
    assert launched_processes() == 1
    check_world(running=1)


def test_the_world_that_runs_must_be_the_world_that_was_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    check_world(running=2)
    with pytest.raises(Refused, match=r"(?s)2 processes were launched, but 1 would .*--multi_gpu --num_processes 2 "):
        check_world(running=1)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_the_exit_code_is_mains(code: int) -> None:
    done = run(f"def main(arguments):\n    print(arguments)\n    return {code}\nexit_with(main)")
    assert (done.returncode, done.stdout, done.stderr) == (code, "['first', 'second']\n", "")


def test_nothing_that_could_hang_runs_after_main() -> None:
    done = run("import atexit; atexit.register(print, 'late')\nexit_with(lambda _: 0)")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("error", ["ValueError('ours')", "KeyboardInterrupt()", "SystemExit(3)"])
def test_an_error_is_printed_with_its_traceback(error: str) -> None:
    done = run(f"def main(arguments):\n    print('said')\n    raise {error}\nexit_with(main)")
    assert (done.returncode, done.stdout) == (1, "said\n")
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert error.partition("(")[0] in done.stderr.splitlines()[-1]


def test_an_error_on_one_rank_of_many_names_the_rank() -> None:
    done = run("def main(arguments):\n    raise ValueError('ours')\nexit_with(main)", RANK="1", WORLD_SIZE="2")
    assert done.returncode == 1
    assert done.stderr.startswith("rank 1 of 2 failed before the first step:\nTraceback")


def test_what_needs_no_traceback_is_said_where_nobody_else_says_it() -> None:
    for aloud in (True, False):
        done = run(f"def main(arguments):\n    raise Failed('no room', aloud={aloud})\nexit_with(main)")
        assert (done.returncode, done.stderr) == (1, "no room\n" if aloud else "")


def test_a_mistake_is_said_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    say_mistake(Refused("wrong\n  help: right"))
    assert capsys.readouterr() == ("", "wrong\n  help: right\n")
    monkeypatch.setenv("RANK", "1")
    say_mistake(Refused("wrong"))
    assert capsys.readouterr() == ("", "")


def test_under_accelerate_a_mistake_explains_the_noise_that_follows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    say_mistake(Refused("wrong"))
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "wrong"
    assert "accelerate's own report" in said[1]
    assert "--quiet" in said[1]
    monkeypatch.setenv("WORLD_SIZE", "2")  # accelerate 1.15 prints it for several processes, --quiet or not
    say_mistake(Refused("wrong"))
    assert capsys.readouterr().err.splitlines()[1].endswith("accelerate's own report that train.py ended.)")


def test_the_line_to_go_on_has_the_processes_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    many = "accelerate launch --multi_gpu --num_processes 8 --num_machines 1 --main_process_port 0 train.py runs/a"
    assert launch_line("runs/a", num_processes=8) == many
    assert launch_line("runs/a", num_processes=1) == "accelerate launch train.py runs/a"
    monkeypatch.setenv("GROUP_WORLD_SIZE", "2")  # by torch's launcher: addresses and ports are only in its own line
    again = "on each of the 2 machines accelerate launch as before, with train.py runs/a"
    assert launch_line("runs/a", num_processes=8) == again


def test_ctrl_c_before_there_is_a_run_ends_the_process_without_a_traceback_out_of_an_import() -> None:
    as_in_front = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"  # whatever runs the tests
    done = run(f"{as_in_front}def main(arguments):\n    signal.raise_signal(signal.SIGINT)\nexit_with(main)")
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
