"""Two processes that want to write into one run."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.claim import claimed
from harness.launch import Refused

HOLD = """
import sys, time
from pathlib import Path
from harness.claim import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_process_is_refused_with_the_pid_of_the_first_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        expected = rf"{re.escape(str(tmp_path))} is being written by process {holder.pid} on "
        with pytest.raises(Refused, match=expected), claimed(tmp_path):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait(timeout=10)
    with claimed(tmp_path) as unclaimed:
        assert unclaimed == ""
        assert (tmp_path / "writer").read_text().startswith(f"process {os.getpid()} on ")


def test_a_claim_ends_with_its_body_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ours"), claimed(tmp_path):
        raise ValueError("ours")
    with claimed(tmp_path):
        pass


def test_a_run_where_nobody_may_write_is_refused() -> None:
    with pytest.raises(Refused, match="/sys cannot be written"), claimed(Path("/sys")):  # the kernel's, for root too
        pass
