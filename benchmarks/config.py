"""What loading a config costs, against ten other config systems: the same layers, as whole processes and in process.

    python benchmarks/config.py [--rounds N] [--sizes 20 200 2000] [--peers NAME ...] [--format markdown] [--json FILE]

20, 200 and 2,000 leaves in 3, 5 and 10 layers, in 9, 53 and 251 classes. falsework loads as it always does: each layer
checked by itself, the origin of every value kept, all errors gathered. Every result is checked leaf by leaf. Peers live
in .bench/, which is made when it is missing; tomllib, which parses the same files and does nothing else, is the floor.

Exit code 0 when every goal is met, 1 when not, or when a result is wrong. This file goes with falsework.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import asdict

from benchmarks.config_environment import PYTHON, make_environment
from benchmarks.config_files import SIZES, write_layers
from benchmarks.config_peers import PEERS
from benchmarks.config_rounds import Load, Round, Sample, Setting, measure_loads, start_all
from benchmarks.config_schemas import write_schemas
from benchmarks.rounds import Goal, Spread, machine, meets, parse_rounds, print_ratios, spread

Time = Callable[[Sample], float]
OURS = "falsework"
TIMES: dict[str, Time] = {
    "whole": lambda sample: sample.whole,
    "whole, CPU": lambda sample: sample.cpu,
    "first": lambda sample: sample.first,
    "warm": lambda sample: sample.warm,
}
# What may be ours over the peer's: which time, of which loads, and at most how much.
GOALS: tuple[tuple[str, Load, Load, float], ...] = (
    ("whole", Load(OURS, 200), Load("attrs + cattrs", 200), 0.9),
    ("whole, CPU", Load(OURS, 200), Load("attrs + cattrs", 200), 0.9),
    ("whole", Load(OURS, 200), Load("hydra", 200), 0.3),
    ("whole, CPU", Load(OURS, 200), Load("hydra", 200), 0.3),
    ("warm", Load(OURS, 2000), Load("tomllib", 2000), 1.2),
    ("warm", Load(OURS, 2000), Load(OURS, 200), 13.0),
)


def main() -> int:
    """Measures, prints, and says with the exit code whether every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", choices=SIZES, default=list(SIZES), help="leaves (default all)")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), help="default all", metavar="NAME")
    parser.add_argument("--format", choices=("text", "markdown"), default="text", help="markdown is for docs")
    arguments = parse_rounds(parser)
    make_environment()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the schemas are compiled once, as every user's are
    with tempfile.TemporaryDirectory() as name:
        setting = write_all(Path(name), arguments.sizes)
        loads = [Load(peer, num_leaves) for num_leaves in arguments.sizes for peer in arguments.peers]
        living, troubles = start_all(setting, loads)
        for peer, said in troubles.items():
            print(f"{peer} is left out: {said}", file=sys.stderr)
        try:
            rounds = measure_loads(setting, living, arguments.rounds, lambda line: print(line, file=sys.stderr))
        finally:
            for process in living.values():
                process.end()
    ratios = {goal_of(goal): ratio_of(goal, rounds) for goal in GOALS if {goal[1], goal[2]} <= living.keys()}
    (print_markdown if arguments.format == "markdown" else print_text)(list(living), rounds)
    if arguments.format == "text":
        print_ratios(ratios)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"machine": machine(), "rounds": list(map(as_json, rounds))}, indent=1))
    is_wrong = any("AssertionError" in said for said in troubles.values())
    return int(is_wrong or not all(meets(ratio, goal) for goal, ratio in ratios.items()))


def write_all(scratch: Path, sizes: Sequence[int]) -> Setting:
    """The layers and schemas of every size."""
    folders = {num_leaves: scratch / str(num_leaves) for num_leaves in sizes}
    for num_leaves, folder in folders.items():
        folder.mkdir()
        write_layers(folder, SIZES[num_leaves])
        write_schemas(folder, SIZES[num_leaves])
    num_layers = {num_leaves: SIZES[num_leaves].layers for num_leaves in sizes}
    return Setting(python=PYTHON, folders=folders, num_layers=num_layers)


def goal_of(goal: tuple[str, Load, Load, float]) -> Goal:
    """A goal in words."""
    time, ours, peer, at_most = goal
    return Goal(ours=f"{time}: {_named(ours)}", peer=_named(peer), at_most=at_most)


def ratio_of(goal: tuple[str, Load, Load, float], rounds: Sequence[Round]) -> Spread | None:
    """Ours over the peer's, in the same round."""
    time, ours, peer, _ = goal
    return spread([TIMES[time](line[ours]) / TIMES[time](line[peer]) for line in rounds])


def print_text(loads: Sequence[Load], rounds: Sequence[Round]) -> None:
    """One line per load, in milliseconds."""
    print(f"\n{machine()}; {len(rounds)} rounds\n")
    print(f"{'milliseconds, median [min, max]':32}" + "".join(f"{time:>28}" for time in TIMES))
    for load in loads:
        cells = [_range(_spread_of(time, load, rounds), 1000) for time in TIMES.values()]
        print(f"{_named(load):32}" + "".join(f"{cell:>28}" for cell in cells))


def print_markdown(loads: Sequence[Load], rounds: Sequence[Round]) -> None:
    """One row per peer: medians of all sizes, and the two ratios that are goals, with their ranges."""
    sizes = list(dict.fromkeys(load.num_leaves for load in loads))
    listed = " / ".join(f"{size:,}" for size in sizes)
    print(f"{machine()}; {len(rounds)} rounds; {listed} leaves.\n")
    heads = ["peer", *(f"{time}, ms" for time in TIMES), "whole at 200, of attrs + cattrs", "warm at 2,000, of tomllib"]
    print(f"| {' | '.join(heads)} |\n|--{'|--:' * (len(heads) - 1)}|")
    for peer in dict.fromkeys(load.peer for load in loads):
        cells = [
            " / ".join(f"{1000 * _spread_of(time, Load(peer, size), rounds).median:,.3g}" for size in sizes)
            for time in TIMES.values()
        ]
        for time, other, size in (("whole", "attrs + cattrs", 200), ("warm", "tomllib", 2000)):
            pair = Load(peer, size), Load(other, size)
            ratio = ratio_of((time, *pair, 0.0), rounds) if set(pair) <= set(loads) else None
            cells.append(_range(ratio) if ratio else "-")
        print(f"| {f'**{peer}**' if peer == OURS else peer} | {' | '.join(cells)} |")


def as_json(line: Round) -> dict[str, dict[str, float]]:
    """One round, in seconds."""
    return {_named(load): asdict(sample) for load, sample in line.items()}


def _named(load: Load) -> str:
    return f"{load.peer}, {load.num_leaves:,} leaves"


def _spread_of(time: Time, load: Load, rounds: Sequence[Round]) -> Spread:
    found = spread([time(line[load]) for line in rounds])
    assert found is not None, "a round was measured"
    return found


def _range(numbers: Spread, factor: int = 1) -> str:
    return f"{factor * numbers.median:,.3g} [{factor * numbers.min:,.3g}, {factor * numbers.max:,.3g}]"


if __name__ == "__main__":
    sys.exit(main())
