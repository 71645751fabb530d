"""stdout and stderr on their way through a run: to where they went before, and into the file. Real processes."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOKEN = "ghp_" + "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8"
BEGIN = """
import ctypes, os, sys, time
from pathlib import Path
from harness.output import kept_output
libc = ctypes.CDLL(None)
with kept_output() as output:
    print("before it has a name")
    output.keep_in(Path(sys.argv[1]), rank=0, num_processes=1)
"""


def program(body: str) -> list[str]:
    return [sys.executable, "-c", BEGIN + "".join(f"    {line}\n" for line in body.splitlines())]


def until(path: Path, text: str) -> str:
    deadline = time.monotonic() + 20
    while text not in (said := path.read_text("utf-8", "replace") if path.exists() else ""):
        assert time.monotonic() < deadline, said
        time.sleep(0.02)
    return said


def test_all_that_is_said_goes_on_and_into_the_file(tmp_path: Path) -> None:
    body = (
        'print("python", flush=True)\nlibc.printf(b"printf of c\\n")\nos.write(2, b"descriptor 2\\n")\n'
        'os.system("echo a child")\nprint("no newline", end="")'
    )
    done = subprocess.run([*program(body), str(tmp_path)], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "before it has a name\npython\nprintf of c\na child\nno newline"
    assert done.stderr == "descriptor 2\n"
    said = (tmp_path / "output.txt").read_text()
    assert said.replace("descriptor 2\n", "") == done.stdout
    assert "descriptor 2\n" in said


def test_one_way_for_both_keeps_their_order(tmp_path: Path) -> None:
    body = 'for i in range(200): os.write(1 + i % 2, b"%d\\n" % i)'
    command = [*program(body), str(tmp_path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=True)
    assert done.stdout.split()[5:] == [str(i) for i in range(200)]
    assert (tmp_path / "output.txt").read_text() == done.stdout


def test_a_traceback_ends_the_file_and_is_printed_once(tmp_path: Path) -> None:
    done = subprocess.run([*program("1 / 0"), str(tmp_path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.count("ZeroDivisionError: division by zero") == 1
    assert (tmp_path / "output.txt").read_text().endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("how", ["os.kill(os.getpid(), 9)", "ctypes.string_at(0)", "os._exit(3)"])
def test_the_last_words_of_a_process_that_is_killed_are_kept(tmp_path: Path, how: str) -> None:
    body = f'for i in range(1000): print("line", i)\nlibc.printf(b"last of c\\n")\nprint("last")\n{how}'
    command = [*program(f"import faulthandler; faulthandler.enable()\n{body}"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    said = until(tmp_path / "output.txt", "last\n")
    assert "line 999\nlast of c\nlast\n" in said
    assert ("Segmentation fault" in until(tmp_path / "output.txt", "last\n")) == ("string_at" in how)


def test_ctrl_c_does_not_end_the_process_beside_before_the_last_words(tmp_path: Path) -> None:
    body = (
        'try:\n    print("waits"); time.sleep(60)\nexcept KeyboardInterrupt:\n    time.sleep(0.3); print("interrupted")'
    )
    command = [*program(body), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0) as process:
        until(tmp_path / "output.txt", "waits")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stdout is not None
        assert process.stdout.read().endswith("interrupted\n")
    assert (tmp_path / "output.txt").read_text().endswith("interrupted\n")


def test_secrets_reach_the_screen_but_not_the_file(tmp_path: Path) -> None:
    body = f'print("token: {TOKEN}")\nos.write(1, b"{TOKEN[:9]}"); time.sleep(0.2); os.write(1, b"{TOKEN[9:]}\\n")'
    done = subprocess.run([*program(body), str(tmp_path)], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.count(TOKEN) == 2
    said = (tmp_path / "output.txt").read_text()
    assert TOKEN[9:] not in said
    assert said.count("[left out: a token of GitHub]") == 2


def test_a_file_that_cannot_be_made_stops_nothing(tmp_path: Path) -> None:
    command = [*program('print("goes on")'), str(tmp_path / "missing")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("goes on\n")


def test_a_resumed_run_appends(tmp_path: Path) -> None:
    for word in ("first", "second"):
        subprocess.run([*program(f'print("{word}")'), str(tmp_path)], stdout=subprocess.PIPE, timeout=60, check=True)
    lines = (tmp_path / "output.txt").read_text().splitlines()
    assert lines == ["before it has a name", "first", "before it has a name", "second"]


def test_the_process_beside_has_no_environment_of_a_worker(tmp_path: Path) -> None:
    body = "import psutil\nprint(*[sorted(child.environ()) for child in psutil.Process().children()])"
    environment = {**os.environ, "RANK": "0", "WANDB_API_KEY": "x"}
    command = [*program(body), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    assert not {"RANK", "WANDB_API_KEY"} & set(re.findall(r"\w+", done.stdout))


def test_no_process_is_left_behind(tmp_path: Path) -> None:
    body = "import psutil\nprint(*[child.pid for child in psutil.Process().children()])"
    done = subprocess.run([*program(body), str(tmp_path)], capture_output=True, text=True, timeout=60, check=True)
    (beside,) = done.stdout.splitlines()[-1].split()
    assert not Path(f"/proc/{beside}").exists()


def test_on_a_terminal_the_bar_is_on_the_screen_and_lines_are_in_the_file(tmp_path: Path) -> None:
    body = (
        "from harness.console import Console\n"
        "with Console(speaks=True, terminal=output.terminal) as console:\n"
        "    console.start_progress(num_steps=20, done=5)\n"
        '    console.progress(10, 20, "loss 2.5000"); time.sleep(0.4)\n'
        '    print("from python"); libc.printf(b"from c\\n"); console.say("said"); time.sleep(0.4)\n'
        '    console.progress(20, 20, "loss 1.2500"); time.sleep(0.2)\n'
        "    console.end_progress()\n"
        '    console.say("end")'
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    command = [*program(body), str(tmp_path)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        screen = b""
        try:
            while chunk := os.read(ours, 65536):
                screen += chunk
        except OSError:  # how a pty says that the other side is closed
            pass
        os.close(ours)
        assert process.wait(20) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.decode())
    assert "10/20" in text
    assert {"from python", "from c", "said", "end"} <= set(re.split(r"[\r\n]+", text)), "each on a line of its own"
    assert (tmp_path / "output.txt").read_text() == "before it has a name\nfrom python\nfrom c\nsaid\nend\n"
