"""What the run store survives: kills, full disks, many starts at once. `python tests/chaos/store_writing.py --help`.

The long form of tests/chaos/test_store_writing.py, which calls the same functions with small numbers. Everything is
done with real processes; what is wrong is printed and the exit code is 1.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.rows import each_row, last_rows
from harness.state import state_of

WRITER = """
import sys, time
from pathlib import Path
from harness import heartbeat
from harness.run_directory import create_run_directory, open_run_directory
heartbeat.Heartbeat.__init__.__kwdefaults__["period_seconds"] = 0.1
path = Path(sys.argv[1])
run = open_run_directory(path)
run.event("resumed" if run.segment else "started", step=0)
step = 0
while True:
    step += 1
    run.record_step(step, {f"train/m{i}": step / (i + 3) for i in range(1 + step % 10)})
    if step % 50 == 0:
        run.event("evaluated", step=step, metrics={"eval/a/b": float(step)})
    print(step, flush=True)
"""
OPENER = """
import sys
from pathlib import Path
from harness.record import Experiment, write_record
from harness.run_directory import create_run_directory, open_run_directory
path = create_run_directory(Path(sys.argv[1]), "01_x")
write_record(path, Experiment(name="01_x", why="", config={"a": 1}), {})
run = open_run_directory(path)
run.event("started", step=0)
for step in range(1, 21):
    run.record_step(step, {"train/loss": 1 / step})
run.event("finished", step=20)
run.close()
print(path.name)
"""


def kill_and_look(directory: Path, *, seed: int, num_kills: int) -> list[str]:
    """Kills a writing run at random moments, again and again; gives what was lost or wrong."""
    rng = random.Random(seed)
    wrong = []
    metrics, num_seen = directory / "metrics.jsonl", 0
    (directory / "run.json").write_text("{}")
    for kill in range(num_kills):
        said = _write_until_killed(directory, seconds=rng.expovariate(5))
        num_bytes = metrics.stat().st_size
        rows = last_rows(metrics, num_bytes=num_bytes - num_seen + 1)  # all of them each time would take minutes
        num_seen = num_bytes
        if any(row["seg"] != kill for row in rows):
            wrong.append(f"kill {kill}: rows of another segment")
        steps = [row["step"] for row in rows]
        if steps != list(range(1, len(steps) + 1)) or len(steps) < said:
            wrong.append(f"kill {kill}: {said} rows were acknowledged, {len(steps)} are there")
        if [row["train/m0"] for row in rows] != [step / 3 for step in steps]:
            wrong.append(f"kill {kill}: numbers are not what was written")
        if state_of(directory, now=time.time() + 1) != "crashed":
            wrong.append(f"kill {kill}: the state is {state_of(directory)}")
        if (kill + 1) % 20 == 0:
            print(f"{kill + 1} kills of {num_kills}", file=sys.stderr)
    if len({row["seg"] for row in each_row(metrics)}) != num_kills:
        wrong.append("the whole file has not a segment for each kill")
    return wrong


def _write_until_killed(directory: Path, *, seconds: float) -> int:
    """The last step that the writer said was recorded before it was killed, this long after its first row."""
    command = [sys.executable, "-c", WRITER, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with ThreadPoolExecutor(1) as reader:  # so that the pipe never fills
            rest = reader.submit(process.stdout.read)
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
            lines = rest.result().split("\n")[:-1]
    return int(lines[-1]) if lines else 1


def open_at_once(root: Path, *, num_processes: int) -> list[str]:
    """Starts this many runs in one root at the same moment; gives what is wrong with them."""
    command = [sys.executable, "-c", OPENER, str(root)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(num_processes)]
    names = [process.communicate(timeout=300)[0].strip() for process in started]
    wrong = [f"exit code {process.returncode}" for process in started if process.returncode]
    if len(set(names)) != num_processes:
        wrong.append(f"{len(set(names))} names for {num_processes} runs")
    for name in names:
        summary = json.loads((root / name / "summary.json").read_text())
        if (summary["metrics"]["train/loss"]["n"], state_of(root / name)) != (20, "finished"):
            wrong.append(f"{name} is not complete")
    return wrong


def main() -> int:
    """Runs all, with the numbers that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--processes", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        killed, root = Path(folder) / "killed", Path(folder) / "runs"
        killed.mkdir()
        wrong = kill_and_look(killed, seed=arguments.seed, num_kills=arguments.kills)
        wrong += open_at_once(root, num_processes=arguments.processes)
    print("\n".join(wrong) or f"{arguments.kills} kills and {arguments.processes} starts at once: nothing lost")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
