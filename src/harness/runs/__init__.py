"""Every run as tables: `open` gives a DuckDB connection with a view for each kind of fact, `table` one dataframe.

    runs.table("runs", hparams=["optimizer.lr"], metrics=["train/loss"])                 one row per run, in pandas
    runs.open("runs").execute("SELECT run, state FROM runs WHERE number = 23").fetchall()

The files are the truth and are never written to; docs/runs.md has the views with their columns. Training imports none
of this: DuckDB and a dataframe library are imported when a function here is called.
"""

from harness.runs.facts import Upgrade
from harness.runs.store import open, query  # noqa: A004 - said with its package: harness.runs.open
from harness.runs.table import table

__all__ = ["Upgrade", "open", "query", "table"]
