"""What recording ten numbers of one step costs the training thread, beside json + write + flush and other trackers.

Each backend writes the same rows in a process of its own, in turn, round by round: flat out, and at 200 rows a second,
where caches are cold. A ratio is always of two times of the same round. Nothing is sent over a network.

    .venv/bin/python benchmarks/store_write.py --rounds 5
    .venv/bin/python benchmarks/store_write.py --backends ours json_flush os_write --rows 2000
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Log = Callable[[int, dict[str, float]], object]
Close = Callable[[], object]  # whatever waits is on the disk after it
PACED_ROWS, PACED_HERTZ = 400, 200
SLOW = {"mlflow": 100, "wandb": 400, "tensorboard": 400}  # rows flat out, of backends that take milliseconds each
GOALS = (("ours", "json_flush", "flat_us", 0.65), ("ours", "os_write", "paced_us", 2.0))
MAX_KILOBYTES = 250  # of a thousand rows


def row_of(step: int) -> dict[str, float]:
    """Ten numbers as training has them: some change every step, some hardly ever."""
    return {
        "loss": 4.0 / (1 + step * 0.01) + 0.1234567,
        "lr": 3e-4 * (1 - step / 1e6),
        "grad_norm": 1.0 + (step % 7) * 0.013,
        "tok_per_s": 12345.6 + step % 100,
        "mfu": 0.41,
        "step_s": 0.1034 + (step % 5) * 1e-4,
        "val_loss": 3.9 / (1 + step * 0.01),
        "acc": 0.5 + step * 1e-6,
        "mem_gib": 61.25,
        "z_loss": 1e-4 * (step % 13),
    }


def ours(folder: Path) -> tuple[Log, Close]:
    """The run directory, with its heartbeat and summary."""
    from harness.run_directory import open_run_directory

    run = open_run_directory(folder)
    return run.record_step, run.close


def json_flush(folder: Path) -> tuple[Log, Close]:
    """The plainest thing that loses nothing in a kill."""
    file = (folder / "metrics.jsonl").open("a", encoding="utf-8")

    def log(step: int, row: dict[str, float]) -> None:
        file.write(json.dumps({"step": step, "t": time.time(), "seg": 0, **row}) + "\n")
        file.flush()

    return log, file.close


def os_write(folder: Path) -> tuple[Log, Close]:
    """88 bytes of nothing: the floor of whatever survives a kill."""
    descriptor = os.open(folder / "bytes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    return lambda _step, _row: os.write(descriptor, b"x" * 88), lambda: os.close(descriptor)


def tensorboard(folder: Path) -> tuple[Log, Close]:
    """The SummaryWriter of torch."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))

    def log(step: int, row: dict[str, float]) -> None:
        for key, value in row.items():
            writer.add_scalar(key, value, step)

    return log, writer.close


def mlflow(folder: Path) -> tuple[Log, Close]:
    """A local database."""
    import mlflow as package

    package.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    package.start_run()
    return lambda step, row: package.log_metrics(row, step=step), package.end_run


def wandb(folder: Path) -> tuple[Log, Close]:
    """Offline."""
    import wandb as package

    run = package.init(project="p", mode="offline", dir=str(folder), settings=package.Settings(silent=True))
    return lambda step, row: run.log(row, step=step), run.finish


def trackio(folder: Path) -> tuple[Log, Close]:
    """A local database."""
    os.environ["TRACKIO_DIR"] = str(folder)
    import trackio as package

    package.init(project="p", embed=False, auto_log_gpu=False, auto_log_cpu=False)
    return lambda step, row: package.log(row, step=step), package.finish


BACKENDS: dict[str, Callable[[Path], tuple[Log, Close]]] = {
    backend.__name__: backend for backend in (ours, json_flush, os_write, trackio, wandb, tensorboard, mlflow)
}


def child(name: str, num_rows: int) -> dict[str, float]:
    """The medians of one backend, in microseconds of one call, and what a thousand rows add on disk by the close."""
    num_rows = min(num_rows, SLOW.get(name, num_rows))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        before = time.perf_counter()
        log, close = BACKENDS[name](Path(folder))
        opened = time.perf_counter() - before
        empty = _num_bytes(Path(folder))
        flat = [_timed(log, step) for step in range(num_rows)]
        paced = []
        for step in range(num_rows, num_rows + PACED_ROWS):
            paced.append(_timed(log, step))
            time.sleep(1 / PACED_HERTZ)
        close()
        return {
            "flat_us": statistics.median(flat) * 1e6,
            "paced_us": statistics.median(paced) * 1e6,
            "open_seconds": opened,
            "kilobytes_per_1000_rows": (_num_bytes(Path(folder)) - empty) / (num_rows + PACED_ROWS),
        }


def _num_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _timed(log: Log, step: int) -> float:
    row = row_of(step)
    before = time.perf_counter()
    log(step, row)
    return time.perf_counter() - before


def measure(names: list[str], *, num_rounds: int, num_rows: int) -> dict[str, list[dict[str, float]]]:
    """Every backend once a round, in a process of its own; the first round only warms up."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(num_rounds + 1):
        for name in names:
            command = [sys.executable, __file__, "--child", name, "--rows", str(num_rows)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
            result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
            results[name] += [result] if number else []
    return results


def report(results: dict[str, list[dict[str, float]]]) -> int:
    """Prints medians and the paired ratios of the goals; 1 when one is missed."""
    print(f"{'backend':12} {'flat out us':>12} {'200 a second us':>16} {'open s':>8} {'kB / 1,000':>11}")
    for name, rounds in results.items():
        cells = [statistics.median(result[key] for result in rounds) for key in rounds[0]]
        print(f"{name:12} {cells[0]:12.2f} {cells[1]:16.2f} {cells[2]:8.2f} {cells[3]:11.1f}")
    missed = 0
    for ours_name, peer, key, at_most in GOALS:
        if {ours_name, peer} <= results.keys():
            pairs = zip(results[ours_name], results[peer], strict=True)
            ratio = statistics.median(a[key] / b[key] for a, b in pairs)
            missed += ratio > at_most
            print(f"{ours_name} / {peer}, {key}: {ratio:.2f} (goal: at most {at_most})")
    if "ours" in results:
        missed += results["ours"][0]["kilobytes_per_1000_rows"] > MAX_KILOBYTES
    return 1 if missed else 0


def main() -> int:
    """Arguments to a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="after one that warms up (default 5)")
    parser.add_argument("--rows", type=int, default=5000, help="rows flat out (default 5000)")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--child", choices=BACKENDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(child(arguments.child, arguments.rows)), flush=True)
        os._exit(0)
    return report(measure(arguments.backends, num_rounds=arguments.rounds, num_rows=arguments.rows))


if __name__ == "__main__":
    sys.exit(main())
