"""How soon the run store answers, against what DuckDB needs for the same question over the JSON Lines themselves.

    python benchmarks/store.py [--runs N ...] [--rounds N] [--work FOLDER] [--json FILE]

Whole processes, in turn, on synthetic stores (synthetic_runs.py; a run of every 200 is live): one row a run with all
hparams and each metric's final and best value; and every step of one metric for the runs with lr > 3e-4. Peers: the
query by hand over a glob of the JSON Lines with declared columns (guessed ones are slower), and a DuckDB process that
asks nothing, which every ratio is given without, too.

- 1,000 runs without index: one row a run in at most 1 s.
- 10,000 runs with index: at most 0.02x of the glob, the slice at most 0.10x, with at most 1 GB of memory.
- 10 new runs among 10,000: seen within 2 s.

A store of 10,000 runs takes 4 GB below --work and is kept for the next call. Exit code 0 when all goals are met, or 1.
"""

# ruff: noqa: S608 - SQL of our own words

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.synthetic_runs import METRICS, experiment, make_store

LR = 3e-4
COLUMNS = "{step: 'BIGINT', " + ", ".join(f"'{key}': 'DOUBLE'" for key in METRICS) + "}"
OPTIONS = "format='newline_delimited', ignore_errors=true, filename=true"
EXTREMES = ", ".join(f'arg_max("{key}", step), min("{key}"), max("{key}")' for key in METRICS)
MAX_MEGABYTES = 1_000
MAX_RUNS_WITHOUT_INDEX = 1_000  # for more it is not asked


def table_of_store(root: str, index: bool) -> int:
    """One row a run, by our one line."""
    from harness import runs

    return len(runs.table(root, ["*"], ["train/*", "model/*", "data/*", "val/*"], format="arrow", index=index))


def slice_of_store(root: str, index: bool) -> int:
    """One metric's steps for a slice of runs, by our views."""
    from harness import runs

    joined = "SELECT run, step, value FROM metrics JOIN hparams USING (run)"
    sql = f"{joined} WHERE key = 'val/loss' AND \"optimizer.lr\" > {LR}"
    return len(runs.open(root, index=index).sql(sql).to_arrow_table())


def table_of_glob(root: str, index: bool) -> int:  # noqa: ARG001 - as the others
    """One row a run, by hand."""
    import duckdb

    values = f"SELECT run, {EXTREMES} FROM ({rows_by_hand(root)}) GROUP BY run"
    return len(
        duckdb.connect().sql(f"SELECT * FROM ({configs_by_hand(root)}) JOIN ({values}) USING (run)").to_arrow_table()
    )


def slice_of_glob(root: str, index: bool) -> int:  # noqa: ARG001 - as the others
    """One metric's steps for a slice of runs, by hand."""
    import duckdb

    chosen = f"SELECT run FROM ({configs_by_hand(root)}) WHERE (config->'optimizer.lr'->>'value')::DOUBLE > {LR}"
    values = f'SELECT run, step, "val/loss" FROM ({rows_by_hand(root)})'
    return len(duckdb.connect().sql(f"SELECT * FROM ({values}) SEMI JOIN ({chosen}) USING (run)").to_arrow_table())


def rows_by_hand(root: str) -> str:
    """All rows of metrics, of every file that is there."""
    files = f"read_json('{root}/*/metrics.jsonl', {OPTIONS}, columns={COLUMNS})"
    return f"SELECT *, parse_path(filename)[-2] AS run FROM {files} WHERE step IS NOT NULL"


def configs_by_hand(root: str) -> str:
    """All configs, as JSON."""
    return f"SELECT parse_path(filename)[-2] AS run, content::JSON AS config FROM read_text('{root}/*/config.json')"


def nothing(root: str, index: bool) -> int:  # noqa: ARG001 - as the others
    """A DuckDB process that asks nothing."""
    import duckdb
    import pyarrow as pa

    assert pa.__version__
    return len(duckdb.connect().sql("SELECT 1").to_arrow_table())


QUESTIONS: dict[str, Callable[[str, bool], int]] = {
    function.__name__: function for function in (table_of_store, slice_of_store, table_of_glob, slice_of_glob, nothing)
}


def main() -> int:
    """Measures, prints, and says with the exit code whether every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[100, 1_000, 10_000], metavar="N")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path(".bench") / "store", help="where stores and index go")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--ask", nargs=3, metavar=("QUESTION", "ROOT", "INDEX"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        return answer(*options.ask)
    os.environ["XDG_CACHE_HOME"] = str((options.work / "cache").absolute())
    found = {str(num_runs): measured(options.work.absolute(), num_runs, options.rounds) for num_runs in options.runs}
    goals = [line for num_runs in options.runs for line in goals_of(num_runs, found[str(num_runs)])]
    for line, met in goals:
        print(f"{'met' if met else 'NOT MET':8}{line}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 0 if all(met for _, met in goals) else 1


def answer(question: str, root: str, index: str) -> int:
    """Asks one question in this process, and prints its rows, its time on processors and its memory."""
    num_rows = QUESTIONS[question](root, index == "True")
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_seconds = round(used.ru_utime + used.ru_stime, 3)
    print(json.dumps({"num_rows": num_rows, "cpu_seconds": cpu_seconds, "megabytes": round(used.ru_maxrss / 1024)}))
    return 0


def measured(work: Path, num_runs: int, rounds: int) -> dict[str, Any]:
    """The medians of one store."""
    root = work / str(num_runs)
    if not root.exists():
        make_store(work / f".{num_runs}", num_runs)
        (work / f".{num_runs}").rename(root)
    without_index = [False] if num_runs <= MAX_RUNS_WITHOUT_INDEX else []
    cases = [(name, index) for name in QUESTIONS if name.endswith("of_store") for index in [*without_index, True]]
    cases += [(name, False) for name in QUESTIONS if not name.endswith("of_store")]
    found: dict[str, Any] = {"build": asked("table_of_store", root, index=True)}
    times: dict[str, list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for name, index in cases:
            times.setdefault(f"{name}{' indexed' if index else ''}", []).append(asked(name, root, index=index))
    found |= {name: sorted(all_of, key=lambda one: one["seconds"])[len(all_of) // 2] for name, all_of in times.items()}
    make_store(root, 10, first=num_runs)
    found["refresh"] = asked("table_of_store", root, index=True)
    for number in range(num_runs, num_runs + 10):
        (new,) = root.glob(f"{experiment(number)}-*")
        shutil.rmtree(new)
    for name, one in found.items():
        print(
            f"{num_runs:6} {name:24} {one['seconds']:8.3f} s {one['cpu_seconds']:8.3f} s of cpu"
            f" {one['megabytes']:6} MB {one['num_rows']:9} rows",
            flush=True,
        )
    return found


def asked(question: str, root: Path, *, index: bool) -> dict[str, Any]:
    """One question in a process of its own: wall time from its start to its end."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.store", "--ask", question, str(root), str(index)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {"seconds": round(time.perf_counter() - begun, 3), **json.loads(done.stdout.splitlines()[-1])}


def goals_of(num_runs: int, found: dict[str, Any]) -> list[tuple[str, bool]]:
    """The goals of a store of this size, in words, and whether they are met."""
    seconds = {name: one["seconds"] for name, one in found.items()}
    goals = []
    if num_runs == 1_000:
        taken = seconds["table_of_store"]
        goals.append((f"1,000 runs, no index: {taken:.2f} s, at most 1 s", taken <= 1))
    if num_runs == 10_000:
        for name, limit in (("table", 0.02), ("slice", 0.10)):
            ours, glob, start = found[f"{name}_of_store indexed"], found[f"{name}_of_glob"], found["nothing"]
            whole = ours["seconds"] / glob["seconds"]
            own, of_cpu = (
                (ours[unit] - start[unit]) / (glob[unit] - start[unit]) for unit in ("seconds", "cpu_seconds")
            )
            words = f"{whole:.3f}x of the glob; without the start of DuckDB {own:.3f}x, of processor time {of_cpu:.3f}x"
            goals.append((f"10,000 runs, {name}: {words}, at most {limit}x", own <= limit))
        taken = seconds["refresh"]
        goals.append((f"10 new runs among 10,000: {taken:.2f} s, at most 2 s", taken <= 2))
        ours = [one["megabytes"] for name, one in found.items() if "of_glob" not in name]
        goals.append((f"memory: {max(ours)} MB, at most {MAX_MEGABYTES} MB", max(ours) <= MAX_MEGABYTES))
    return goals


if __name__ == "__main__":
    sys.exit(main())
