"""The points of a sweep: what each of them sets, and where the sweep's file says so.

    points(layer) -> [(Said(("optimizer", "lr"), 0.01, ("optimizer", "lr", "_sweep", 0)), ...), ...]

`{ _sweep = [...] }` in the place of a value is one point for each; several of them make a grid, in which the last
changes fastest. The `_sweep` of a table lists tables, whose keys go together. All else is the same for every point.
"""

from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Any, NamedTuple

from falsework.child import put
from falsework.layer import Layer, Spot, Tree
from falsework.places import Path
from falsework.problems import ConfigError, Problem
from falsework.profiles import is_table
from falsework.report import describe

SWEEP = "_sweep"
MAX_POINTS = 1_000  # nobody reads more files than that; a search of so many is no grid
MAX_CHARACTERS = 100_000  # of a sweep's file: its points, times what each says, have to fit the memory


class Said(NamedTuple):
    """A value of a point; `place` is its path in the sweep's file."""

    path: Path
    value: Any
    place: Path

    @property
    def is_swept(self) -> bool:
        """Whether it is one of many."""
        return SWEEP in self.place


Point = tuple[Said, ...]


def points(layer: Layer) -> list[Point]:
    """Every point, in the order of the file. Raises ConfigError with all that is wrong in the way they are listed."""
    if len(layer.text) > MAX_CHARACTERS:
        raise ConfigError([Problem(f"over {MAX_CHARACTERS:,} characters; a sweep is a small file", where=layer.name)])
    problems: list[Problem] = []
    found = _ways(layer.values, (), (), layer, problems)
    if not problems and len(found) > MAX_POINTS:
        problems.append(Problem(f"over {MAX_POINTS:,} points", where=layer.name, help="list fewer values"))
    if not problems and not any(said.is_swept for point in found for said in point):
        mend = "lr = { _sweep = [0.001, 0.003] } in the table of a key lists its values"
        problems.append(Problem("nothing is swept here", where=layer.name, help=mend))
    if problems:
        raise ConfigError(problems)
    return found


def tree_of(point: Point, layer: Layer) -> Tree:
    """What a point sets, as the tables of a layer. Raises ConfigError where two of its values exclude each other."""
    tree: Tree = {}
    problems = [
        Problem("set twice, or both a table and a value", said.path, Spot(layer, said.place, "value"))
        for said in point
        if not put(tree, [str(name) for name in said.path], said.value)
    ]
    if problems:
        raise ConfigError(problems)
    return tree


def place_in(point: Point, path: Path, *, of_key: bool) -> Path:
    """Where the sweep's file says what a point has at this path; what is said of a key, it says of all its values."""
    for said in point:
        if path[: len(said.path)] == said.path:
            listed = SWEEP in said.place and len(path) == len(said.path)
            place = said.place[: said.place.index(SWEEP)] if of_key and listed else said.place
            return (*place, *path[len(said.path) :])
    return path


def _ways(value: Any, path: Path, place: Path, layer: Layer, problems: list[Problem]) -> list[Point]:
    """All that a value, or a table with all below it, may be; one more than MAX_POINTS at most."""
    if not is_table(value):
        return [(Said(path, value, place),)]
    factors = [_ways(item, (*path, key), (*place, key), layer, problems) for key, item in value.items() if key != SWEEP]
    if SWEEP in value:
        listed = _listed(value[SWEEP], path, (*place, SWEEP), layer, problems)
        factors.append(list(islice(listed, MAX_POINTS + 1)))
    together = (sum(parts, ()) for parts in product(*factors))
    return list(islice(together, MAX_POINTS + 1))


def _listed(values: Any, path: Path, place: Path, layer: Layer, problems: list[Problem]) -> Iterator[Point]:
    wrong, mend = "", "write _sweep = [0.001, 0.003]"
    if not isinstance(values, list) or not values:
        wrong = "expected a list of values, got " + ("an empty one" if values == [] else describe(values))
    elif not path and not all(map(is_table, values)):
        wrong, mend = "expected a list of tables", "write _sweep = [{ seed = 1 }, { seed = 2 }]"
    if wrong:
        problems.append(Problem(wrong, path, Spot(layer, place, "value"), mend))
        return
    for number, value in enumerate(values):
        yield from _ways(value, path, (*place, number), layer, problems)


def swept(found: Sequence[Point]) -> list[Path]:
    """The paths that the points differ in, in the order of the file."""
    return list(dict.fromkeys(said.path for point in found for said in point if said.is_swept))
