"""What is wrong with a config, said once, with the place, the line and the mend.

    configs/90_broken.toml:7:1: model.hedas: unknown key
      7 | hedas = 8
        | ^^^^^
      help: did you mean heads?

Problems are plain data gathered by every stage; ConfigError carries them all. Nothing here decides what is a problem.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from falsework.layer import Layer, Spot
from falsework.places import Path

MAX_HELPED = 60  # problems whose mend is searched for; a file with more of them is no config


class Problem(NamedTuple):
    """One mistake. `spot` is where the user made it; `where` says it in words when no file holds it."""

    what: str
    path: Path = ()
    spot: Spot | None = None
    help: str = ""
    where: str = ""


class ConfigError(Exception):
    """Every problem of a config at once. `str(error)` is the whole report."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Take the problems in the order in which they are to be shown."""
        super().__init__()
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type["ConfigError"], tuple[tuple[Problem, ...]]]:
        """One from a pool of processes arrives: others are rebuilt from what `super().__init__` was given."""
        return type(self), (self.problems,)

    def __str__(self) -> str:
        """The report: each problem with its source line, and a last line that counts them."""
        from falsework.report import report

        return report(self.problems)


def in_order(problems: Iterable[Problem], layers: Sequence[Layer]) -> list[Problem]:
    """Sort by file in order of application, then by line; what is told twice is kept once, with the last help."""
    from falsework.paths import dotted

    rank = {id(layer): number for number, layer in reversed(list(enumerate(layers)))}
    placed: dict[tuple[int, int, str, str], Problem] = {}
    for problem in problems:
        spot = problem.spot
        file = rank.get(id(spot.layer), len(rank)) if spot else len(rank) + 1
        start = (spot.span or spot.find()).start if spot else 0
        key = (file, start, dotted(problem.path), problem.what)
        if problem.help or key not in placed:
            placed[key] = problem
    return [placed[key] for key in sorted(placed)]
