"""What the two questions of benchmarks/store.py cost in other trackers, by the calls that their documents show.

    python benchmarks/store_read.py [--runs N] [--rounds N] [--trackers NAME ...] [--work FOLDER]

The same synthetic runs (synthetic_runs.py) in each tracker's own store, written once and kept: mlflow in SQLite,
TensorBoard's event files, trackio's database. Every question is a whole cold process, in turn, round by round; each
answer is checked by its number of rows and its sum. wandb's offline files answer no question before they are uploaded.

`table` is one row a run with all hparams and each metric's last and lowest value, `slice` every step of one metric for
the runs with lr > 3e-4. Exit code 1 when an answer differs from ours.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.rounds import machine
from benchmarks.synthetic_runs import METRICS, hparams, make_store, metric_values, run_name

LR = 3e-4
METRIC = "val/loss"
PROJECT = "synthetic"
Rows = list[dict[str, Any]]


def ours(folder: Path) -> tuple[Callable[[], Rows], Callable[[], Rows]]:
    """Our one line, and our views; no index."""
    from harness import runs

    def table() -> Rows:
        found: Rows = runs.table(folder, ["*"], METRICS, format="arrow", index=False).to_pylist()
        return [row | {"last": row[METRIC], "lowest": row[f"{METRIC} min"]} for row in found]

    def steps() -> Rows:
        sql = f"SELECT run, step, value FROM metrics JOIN hparams USING (run) WHERE key = '{METRIC}' AND \"optimizer.lr\" > {LR}"  # noqa: E501, S608
        rows: Rows = runs.open(folder, index=False).sql(sql).to_arrow_table().to_pylist()
        return rows

    return table, steps


def mlflow(folder: Path) -> tuple[Callable[[], Rows], Callable[[], Rows]]:
    """`search_runs`, which has the last values, and `get_metric_history` for all others; numbers are words there."""
    import mlflow as package

    package.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    client = package.MlflowClient()

    def found() -> Any:
        return package.search_runs(experiment_names=[PROJECT], max_results=50_000)

    def table() -> Rows:
        rows: Rows = found().to_dict("records")
        for row in rows:
            lowest = {key: min(m.value for m in client.get_metric_history(row["run_id"], key)) for key in METRICS}
            row |= {"last": row[f"metrics.{METRIC}"], "lowest": lowest[METRIC]}
        return rows

    def steps() -> Rows:
        runs = found()
        chosen = runs[runs["params.optimizer.lr"].astype(float) > LR]["run_id"]
        return [
            {"run": run, "step": m.step, "value": m.value}
            for run in chosen
            for m in client.get_metric_history(run, METRIC)
        ]

    return table, steps


def tensorboard(folder: Path) -> tuple[Callable[[], Rows], Callable[[], Rows]]:
    """Its EventAccumulator; hparams beside it, as its own are made for its page and not to be read."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

    def loaded() -> Iterable[tuple[dict[str, Any], Any]]:
        for run in sorted(folder.iterdir()):
            events = EventAccumulator(str(run), size_guidance={"scalars": 0})
            events.Reload()
            yield json.loads((run / "hparams.json").read_text()), events

    def table() -> Rows:
        rows = []
        for own, events in loaded():
            values = {key: [scalar.value for scalar in events.Scalars(key)] for key in METRICS}
            ends = {key: (series[-1], min(series)) for key, series in values.items()}
            rows.append({**own, **ends, "last": ends[METRIC][0], "lowest": ends[METRIC][1]})
        return rows

    def steps() -> Rows:
        return [
            {"step": scalar.step, "value": scalar.value}
            for own, events in loaded()
            if own["optimizer.lr"] > LR
            for scalar in events.Scalars(METRIC)
        ]

    return table, steps


def trackio(folder: Path) -> tuple[Callable[[], Rows], Callable[[], Rows]]:
    """Its Api for runs and configs; rows come from the class that its page reads them by."""
    os.environ["TRACKIO_DIR"] = str(folder)
    import trackio as package
    from trackio.sqlite_storage import SQLiteStorage

    def logs(run: Any) -> Rows:
        return SQLiteStorage.get_logs(PROJECT, run.name, run_id=run.id)

    def table() -> Rows:
        rows = []
        for run in package.Api().runs(PROJECT):
            own = logs(run)
            ends = {key: (own[-1][key], min(row[key] for row in own)) for key in METRICS}
            rows.append({**(run.config or {}), **ends, "last": ends[METRIC][0], "lowest": ends[METRIC][1]})
        return rows

    def steps() -> Rows:
        return [
            {"step": row["step"], "value": row[METRIC]}
            for run in package.Api().runs(PROJECT)
            if (run.config or {})["optimizer.lr"] > LR
            for row in logs(run)
        ]

    return table, steps


TRACKERS = {tracker.__name__: tracker for tracker in (ours, mlflow, tensorboard, trackio)}


def write_ours(folder: Path, num_runs: int) -> None:
    """Runs in the layout of docs/runs.md."""
    make_store(folder, num_runs)


def write_mlflow(folder: Path, num_runs: int) -> None:
    """By its client, a thousand values a request."""
    import mlflow as package
    from mlflow.entities import Metric, Param

    package.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    client = package.MlflowClient()
    experiment = client.create_experiment(PROJECT)
    for number in range(num_runs):
        run = client.create_run(experiment).info.run_id
        client.log_batch(run, params=[Param(key, str(value)) for key, value in hparams(number).items()])
        for key, series in metric_values(number).items():
            client.log_batch(run, metrics=[Metric(key, value, 0, step) for step, value in enumerate(series, 1)])
        client.set_terminated(run)


def write_tensorboard(folder: Path, num_runs: int) -> None:
    """By torch's SummaryWriter, a folder a run."""
    from torch.utils.tensorboard import SummaryWriter

    for number in range(num_runs):
        run = folder / run_name(number)
        with SummaryWriter(str(run)) as writer:
            for key, series in metric_values(number).items():
                for step, value in enumerate(series, 1):
                    writer.add_scalar(key, value, step)
        (run / "hparams.json").write_text(json.dumps(hparams(number)))


def write_trackio(folder: Path, num_runs: int) -> None:
    """All rows of a run at once."""
    os.environ["TRACKIO_DIR"] = str(folder)
    from trackio.sqlite_storage import SQLiteStorage

    for number in range(num_runs):
        values = metric_values(number)
        rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        steps = list(range(1, len(rows) + 1))
        SQLiteStorage.bulk_log(PROJECT, run_name(number), rows, steps=steps, config=hparams(number))


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "ours": write_ours,
    "mlflow": write_mlflow,
    "tensorboard": write_tensorboard,
    "trackio": write_trackio,
}


def expected(num_runs: int) -> dict[str, tuple[int, float]]:
    """The number of rows and the sum of values that each question has to give."""
    series = {number: metric_values(number)[METRIC] for number in range(num_runs)}
    chosen = [values for number, values in series.items() if hparams(number)["optimizer.lr"] > LR]
    return {
        "table": (num_runs, sum(values[-1] + min(values) for values in series.values())),
        "slice": (sum(map(len, chosen)), sum(map(sum, chosen))),
    }


def answer(tracker: str, question: str, folder: Path) -> int:
    """Asks in this process; prints the number of rows and their sum."""
    table, steps = TRACKERS[tracker](folder)
    rows = table() if question == "table" else steps()
    total = sum(row["last"] + row["lowest"] if question == "table" else row["value"] for row in rows)
    print(json.dumps([len(rows), total]))
    return 0


def main() -> int:
    """Writes what is missing, asks, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trackers", nargs="+", choices=TRACKERS, default=list(TRACKERS))
    parser.add_argument("--work", type=Path, default=Path(".bench") / "store_read", help="where the stores go")
    parser.add_argument("--ask", nargs=3, metavar=("TRACKER", "QUESTION", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--write", nargs=2, metavar=("TRACKER", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        return answer(options.ask[0], options.ask[1], Path(options.ask[2]))
    if options.write:
        WRITERS[options.write[0]](Path(options.write[1]), options.runs)
        return 0
    folders = {
        name: written(options.work.absolute() / f"{name}-{options.runs}", name, options.runs)
        for name in options.trackers
    }
    right = expected(options.runs)
    times: dict[tuple[str, str], list[float]] = {}
    wrong = []
    for number in range(options.rounds + 1):
        for name in options.trackers:
            for question, (num_rows, total) in right.items():
                seconds, (got_rows, got_total) = asked(name, question, folders[name])
                times.setdefault((name, question), []).extend([seconds] if number else [])
                if got_rows != num_rows or abs(got_total - total) > 1e-5 * abs(total):  # TensorBoard keeps 32 bits
                    wrong.append(f"{name}, {question}: {got_rows} rows of sum {got_total}, not {num_rows} of {total}")
    print(f"{machine()}; {options.runs} runs, {options.rounds} rounds\n")
    print("| | table, s | of ours | slice, s | of ours |\n|--|--:|--:|--:|--:|")
    for name in options.trackers:
        print(f"| {name} | {' | '.join(cells(times, name, question) for question in right)} |")
    print("\n".join(dict.fromkeys(wrong)), file=sys.stderr)
    return 1 if wrong else 0


def cells(times: Mapping[tuple[str, str], list[float]], name: str, question: str) -> str:
    """The median, and the ratio to ours, paired by round."""
    own = times[name, question]
    ratios = [theirs / of_ours for theirs, of_ours in zip(own, times.get(("ours", question), own), strict=True)]
    return f"{statistics.median(own):.2f} | {statistics.median(ratios):.1f} [{min(ratios):.1f}, {max(ratios):.1f}]"


def written(folder: Path, tracker: str, num_runs: int) -> Path:
    """The tracker's store, made in a process of its own where it is missing."""
    if not folder.exists():
        passing = folder.with_name(f".{folder.name}")
        shutil.rmtree(passing, ignore_errors=True)
        passing.mkdir(parents=True)
        print(f"writing {num_runs} runs for {tracker}", file=sys.stderr)
        command = [
            sys.executable,
            "-m",
            "benchmarks.store_read",
            "--write",
            tracker,
            str(passing),
            "--runs",
            str(num_runs),
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        passing.rename(folder)
    return folder


def asked(tracker: str, question: str, folder: Path) -> tuple[float, tuple[int, float]]:
    """Wall seconds of a process that asks one question, and its answer."""
    command = [sys.executable, "-m", "benchmarks.store_read", "--ask", tracker, question, str(folder)]
    before = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - before, json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
