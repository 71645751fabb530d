"""Signals, sent for real."""

import os
import signal
import subprocess
import sys
import time

import pytest

from harness.stop import SIGNALS, stop_on_signal


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_sets_the_flag_and_no_more(number: signal.Signals) -> None:
    original = signal.signal(number, signal.SIG_DFL)  # under nohup SIGHUP is off
    before = [signal.getsignal(each) for each in SIGNALS]
    with stop_on_signal() as stop:
        assert not stop
        os.kill(os.getpid(), number)
        assert stop
        assert stop.signal_name == number.name
        os.kill(os.getpid(), number)  # the launcher forwards what the scheduler has already sent
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal_name == number.name
    assert [signal.getsignal(each) for each in SIGNALS] == before
    signal.signal(number, original)


def test_a_closed_terminal_does_not_stop_what_nohup_started() -> None:
    original = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stop_on_signal() as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        assert not stop
    signal.signal(signal.SIGHUP, original)


@pytest.mark.parametrize("speaks", [True, False])
def test_who_asks_for_a_stop_is_told_once_what_comes_of_it(capfd: pytest.CaptureFixture[str], speaks: bool) -> None:
    with stop_on_signal(speaks=speaks):
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
    said = "SIGINT: stops after this step or eval, and saves; another one ends it at once\n"
    assert capfd.readouterr().err == (said if speaks else "")


def test_after_an_error_the_launchers_signal_does_not_cut_off_the_last_words() -> None:
    code = (
        "import harness.stop as s, os, signal\n"
        "from harness.launch import exit_with\n"
        "def main(_arguments):\n"
        "    try:\n"
        "        with s.stop_on_signal(): raise ValueError('ours')\n"
        "    finally: os.kill(os.getpid(), signal.SIGTERM)\n"
        "exit_with(main)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "ValueError: ours" in ended.stderr


def test_a_second_signal_later_ends_the_process_at_once() -> None:
    code = (
        "import harness.stop as s, time\n"
        "s.SAME_SIGNAL_SECONDS = 0.2\n"
        "with s.stop_on_signal() as stop:\n"
        "    print('ready', flush=True)\n"
        "    try:\n"
        "        while True: time.sleep(0.01)\n"
        "    finally: print('cleaned up', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
        assert process.wait(timeout=10) == 128 + signal.SIGTERM
        assert process.stdout.read() == ""
