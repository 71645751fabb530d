"""What reaches a pipe, a terminal and log.txt."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from harness.console import table

SESSION = """
import sys, time
from pathlib import Path
from harness.console import Console
with Console(speaks=sys.argv[2] == "main") as console:
    console.say("before the log [bold]is[/bold] there")
    console.keep_log(Path(sys.argv[1]))
    console.start_progress(num_steps=20, done=5)
    console.progress(10, 20, "loss 2.5000")
    if sys.stdout.isatty():
        time.sleep(0.5)  # the bar is drawn ten times a second
    console.say("between")
    console.progress(20, 20, "loss 1.2500")
    console.end_progress()
    console.say("two\\nlines " + "x" * 200)
"""
LINES = ["before the log [bold]is[/bold] there", "step 10/20  loss 2.5000", "between", "step 20/20  loss 1.2500", "two"]
TEXT = "\n".join([*LINES, "lines " + "x" * 200, ""])


def test_piped_output_is_plain_text_and_the_log_is_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SESSION, str(tmp_path / "log.txt"), "main"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == TEXT
    assert done.stderr == ""
    assert (tmp_path / "log.txt").read_text() == TEXT


def test_other_processes_are_silent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SESSION, str(tmp_path / "log.txt"), "other"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout + done.stderr == ""
    assert not (tmp_path / "log.txt").exists()


def test_a_terminal_gets_a_bar_and_the_log_stays_plain(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", SESSION, str(tmp_path / "log.txt"), "main"]
    subprocess.run(command, stdout=theirs, check=True, timeout=60, env={**os.environ, "TERM": "xterm", "COLUMNS": "80"})
    os.close(theirs)
    screen = b""
    try:
        while chunk := os.read(ours, 65536):
            screen += chunk
    except OSError:  # how a pty says that the other side is closed
        pass
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.decode())
    assert "10/20" in text
    assert "loss 2.5000" in text
    for line in ("before the log [bold]is[/bold] there", "between", "two"):
        assert line in re.split(r"[\r\n]+", text)
    assert "x" * 200 in text, "long lines are not cut"
    assert screen.endswith(b"\n")
    assert screen.count(b"\x1b[?25h") >= screen.count(b"\x1b[?25l") > 0, "the cursor is shown again"
    assert (tmp_path / "log.txt").read_text() == TEXT


def test_lines_are_logged_in_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.console import Console\n"
        "console = Console(speaks=True); console.keep_log(Path(sys.argv[1])); console._write('gr\\xf6\\xdfer')"
    )
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-X", "utf8=0", "-c", code, str(tmp_path / "log.txt")]
    subprocess.run(command, check=True, timeout=60, env=environment)
    assert (tmp_path / "log.txt").read_bytes() == "größer\n".encode()


def test_columns_are_aligned() -> None:
    assert table([("eval/loss", "1.25", "a"), ("n", "1,000", "")], indent="> ") == (
        "> eval/loss   1.25  a\n"
        "> n          1,000"
    )  # fmt: skip
