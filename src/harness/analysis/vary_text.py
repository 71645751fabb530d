"""What vary.py found, for a terminal: changes made alone first, then hints over all runs and what mixes them up."""

from collections.abc import Sequence

from harness.analysis.numbers import short, signed
from harness.analysis.screen import Column, fitted
from harness.analysis.vary import Varying


def vary_text(metric: str, found: Sequence[Varying], *, num_runs: int, width: int) -> str:
    """Both tables."""
    parts = [f"{metric} over {num_runs:,} runs; {len(found)} hyperparameters vary on their own"]
    if not found:
        return parts[0]
    alone = [(one, each) for one in found for each in one.alone]
    if alone:
        columns = [
            Column(title="hyperparameter", cells=[_named(one) for one, _ in alone], right=False, least=24),
            Column(title="change", cells=[f"{each.was} → {each.now}" for _, each in alone], right=False, least=16),
            Column(title="Δ", cells=[signed(each.delta) for _, each in alone]),
            Column(title="experiment", cells=[each.experiment for _, each in alone], right=False, least=20),
        ]
        parts.append(f"changed alone, a child against its parent: evidence\n{fitted(columns, width)[0]}")
    columns = [
        Column(title="hyperparameter", cells=[_named(one) for one in found], right=False, least=24),
        Column(
            title="rank corr.", cells=["" if one.correlation is None else f"{one.correlation:+.2f}" for one in found]
        ),
        Column(title="n", cells=[f"{one.num_ranked:,}" if one.num_ranked else "" for one in found]),
        Column(title="mean by value (runs)", cells=[_groups(one) for one in found], right=False, least=20),
        Column(title="mixed up with", cells=[", ".join(one.mixed_with) for one in found], right=False, least=14),
    ]
    parts.append(f"over all runs, whatever else they changed: a hint\n{fitted(columns, width)[0]}")
    return "\n\n".join(parts)


def _named(one: Varying) -> str:
    """Keys that always move together are one: nobody can tell them apart in these runs. A kind stands for its table."""
    tables = tuple(key.removesuffix("kind") for key in one.keys if key.endswith(".kind"))
    return " = ".join(key for key in one.keys if key.endswith(".kind") or not key.startswith(tables or "\0"))


def _groups(one: Varying) -> str:
    return "  ".join(f"{value}: {short(mean)} ({num_runs:,})" for value, num_runs, mean in one.groups)
