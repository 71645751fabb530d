"""How benchmarks/config.py measures: every size and peer once per round, as a whole process and in one that lives on.

Whole processes are timed by the clock, and by the CPU time that they have used at their last line; loads by CPU time
alone, which neighbours disturb less. This file goes with falsework.
"""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from attrs import frozen

from benchmarks.rounds import ROOT, Case, run

WARM_SECONDS = 0.2  # of warm loads in each round, though never less than one load
MAX_WARM_LOADS = 200
_ROOMS = f"import sys; sys.path[:0] = [{str(ROOT / 'src')!r}, {str(ROOT / 'benchmarks')!r}]"  # falsework, config_peers


class Load(NamedTuple):
    """A peer and the number of leaves that it loads."""

    peer: str
    num_leaves: int


@frozen(kw_only=True)
class Sample:
    """What one round says of one load, in seconds."""

    whole: float  # wall time of a process that loads once
    cpu: float  # CPU time of the same process, its exit left out
    first: float  # CPU time of its load; in it is what a peer prepares when it first meets a schema
    warm: float  # CPU time of a load in a process that has loaded before


Round = dict[Load, Sample]


@frozen(kw_only=True)
class Setting:
    """Where things are: the peers' Python, the folder of each size, and how many layers lie there."""

    python: Path
    folders: dict[int, Path]
    num_layers: dict[int, int]

    def command(self, load: Load, mode: str) -> list[str]:
        """A process that runs config_peers.main."""
        arguments = (load.peer, str(self.folders[load.num_leaves]), self.num_layers[load.num_leaves], mode)
        return [str(self.python), "-c", f"{_ROOMS}; import config_peers; config_peers.main(*{arguments!r})"]


class Living:
    """A process of one peer that has loaded once, checked the result, and loads again when asked."""

    def __init__(self, command: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.first = self.answer()
        self.num_loads = 0

    def answer(self) -> float | None:
        """The next number that it prints; None when it has died."""
        assert self.process.stdout is not None, "it was asked for"
        line = self.process.stdout.readline()
        return float(line.split()[0]) if line else None

    def is_right(self) -> bool:
        """Whether the check went well, which comes after the first load."""
        if self.first is not None:
            self.num_loads = max(1, min(MAX_WARM_LOADS, int(WARM_SECONDS / max(self.first, 0.001))))
            return self.warm() is not None
        return False

    def warm(self) -> float | None:
        """CPU seconds of one load."""
        assert self.process.stdin is not None, "it was asked for"
        try:
            self.process.stdin.write(f"{self.num_loads}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        return self.answer()

    def end(self) -> str:
        """Lets it go; what it said last of its own trouble."""
        said = self.process.communicate()[1].strip().splitlines()
        return said[-1] if said else "no word"


def start_all(setting: Setting, loads: Sequence[Load]) -> tuple[dict[Load, Living], dict[str, str]]:
    """Every load's living process, and for each peer that has none the reason."""
    living: dict[Load, Living] = {}
    troubles: dict[str, str] = {}
    for load in loads:
        if load.peer not in troubles:
            process = Living(setting.command(load, "serve"))
            if process.is_right():
                living[load] = process
            else:
                troubles[load.peer] = process.end()
    for load in [load for load in living if load.peer in troubles]:
        living.pop(load).end()
    return living, troubles


def measure_loads(
    setting: Setting, living: dict[Load, Living], num_rounds: int, say: Callable[[str], None]
) -> list[Round]:
    """The rounds after one that warms up."""
    rounds = []
    for number in range(num_rounds + 1):
        say(f"round {number} of {num_rounds}" + ("" if number else " (warms up, not counted)"))
        order = Random(number).sample(list(living), len(living))  # whoever comes later finds warm what others used
        wholes = {load: run(Case(name=load.peer, command=setting.command(load, "once"))) for load in order}
        line: Round = {}
        for load, process in living.items():
            whole, warm = wholes[load], process.warm()
            assert whole.ended_well, f"{load.peer} failed after it had loaded: {whole.output}"
            assert warm is not None, f"{load.peer} died after it had loaded"
            first, cpu = map(float, whole.output.split()[-2:])
            line[load] = Sample(whole=whole.seconds, cpu=cpu, first=first, warm=warm)
        rounds.append(line)
    return rounds[1:]
