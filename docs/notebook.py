"""The runs of a folder in a marimo notebook: `marimo edit docs/notebook.py`, or a script with RUNS_DIR as its argument.

The same questions are in docs/notebook.md, for Jupyter.
"""

# ruff: noqa: ANN001, ANN201, B018, D103 - cells are functions to marimo alone, and show their last expression
# mypy: ignore-errors

import marimo

app = marimo.App(width="medium")


@app.cell
def read_table():
    import sys

    from harness import runs

    runs_dir = sys.argv[1] if len(sys.argv) > 1 else "runs"
    table = runs.table(runs_dir, hparams=["optimizer.*"], metrics=["train/loss"])
    table.sort_values("train/loss").head(10)
    return runs, runs_dir, table


@app.cell
def best_of_each_rate(table):
    best = table.groupby("optimizer.lr")["train/loss min"].min()
    best
    return (best,)


@app.cell
def curves_of_the_best(runs, runs_dir, table):
    chosen = table.nsmallest(5, "train/loss")["run"].tolist()
    store = runs.open(runs_dir)
    sql = "SELECT run, step, value FROM metrics WHERE key = 'train/loss' AND list_contains(?, run) ORDER BY step"
    curves = store.execute(sql, [chosen]).df().pivot(index="step", columns="run", values="value")
    curves.plot(figsize=(8, 4), xlabel="step", ylabel="train/loss")
    return (curves,)


@app.cell
def last_rows(best, curves):
    print(best.to_string())
    print(curves.tail(3).T.to_string())


if __name__ == "__main__":
    app.run()
