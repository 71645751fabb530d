"""What seeds.py found, for a terminal: a row per configuration that has more than one seed, and how many have not."""

from collections.abc import Sequence

from harness.analysis.numbers import short
from harness.analysis.screen import Column, fitted
from harness.analysis.seeds import Replicates

MAX_SEEDS_SHOWN = 8


def seeds_text(found: Sequence[Replicates], metrics: Sequence[str], *, width: int) -> str:
    """The table: mean and sample standard deviation of each metric, and the number of seeds behind them."""
    repeated = [group for group in found if len(group.seeds) > 1]
    num_single = len(found) - len(repeated)
    counted = "1 configuration has" if num_single == 1 else f"{num_single:,} configurations have"
    single = f"{counted} one seed, which says nothing about the spread"
    if not repeated:
        return single
    columns = [
        Column(title="experiments", cells=[", ".join(group.experiments) for group in repeated], right=False, least=20),
        Column(title="seeds", cells=[_seeds(group) for group in repeated], right=False, least=8),
    ]
    for key in metrics:
        spread = [group.metrics.get(key) for group in repeated]
        name = key.rpartition("/")[2]
        columns += [
            Column(title=name, cells=[short(one[0]) if one else "" for one in spread]),
            Column(title="sd", cells=[f"{one[1]:.2g}" if one and one[1] is not None else "" for one in spread]),
            Column(title="n", cells=[str(one[2]) if one else "" for one in spread]),
        ]
    return "\n".join([fitted(columns, width)[0], *([single] if num_single else [])])


def _seeds(group: Replicates) -> str:
    shown = ", ".join(map(str, group.seeds[:MAX_SEEDS_SHOWN]))
    return shown + (", ..." if len(group.seeds) > MAX_SEEDS_SHOWN else "")
