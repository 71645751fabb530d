"""Whether the name of an experiment tells the truth about what it changes against its parent.

    untruths("lr_001", parent, child) -> [] when optimizer.lr is now 0.001 and nothing else was changed

A name's change is words of the setting, then its value: `lr_001`, `num_layers_8`, `lr_001_batch_size_32`. Digits are a
whole number without leading zeros, or what follows the `0.` of a share; `2_5` is 2.5. Words without digits that name a
kind or a field (`muon`, `tied_head`) claim that it came into force. Any other words (`longer`, `again`) describe and
claim nothing. A name that only claims has to claim all: no other field of class science may differ, but for values that
are tied to a claimed one.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from falsework.config import Config
from falsework.diff import Difference, differences
from falsework.dump import flat
from falsework.paths import dotted
from falsework.places import Path
from falsework.reading import paths_read
from falsework.schema import Component, Named, Shape, Table, field_at, value_at
from falsework.write import spelled

_DIGITS = re.compile(r"\d+")


class Claim(NamedTuple):
    """Words of a setting, and the digits of its value; no digits when the words are all."""

    words: tuple[str, ...]
    digits: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As it stands in the name."""
        return "_".join((*self.words, *self.digits))


def claims_of(change: str) -> list[Claim]:
    """`lr_001_wsd` -> lr = 001, and wsd."""
    claims: list[Claim] = [Claim(())]
    for word in change.lower().split("_"):
        last = claims[-1]
        if _DIGITS.fullmatch(word):
            claims[-1] = last._replace(digits=(*last.digits, word))
        elif last.digits:
            claims.append(Claim((word,)))
        else:
            claims[-1] = last._replace(words=(*last.words, word))
    return claims


def untruths(change: str, parent: Config, child: Config) -> list[str]:
    """What is not true about the name, each in a sentence."""
    rows = differences(parent, child)
    if not rows:
        return ["it changes nothing against its parent"]
    wrong: list[str] = []
    covered: set[Path] = set()
    describes = False
    for claim in claims_of(change):
        held = _held(claim, rows, child)
        covered.update(held)
        if held:
            continue
        if claim.digits or _names_something(claim.words, child.table):
            wrong.append(_unheld(claim, rows, child))
            covered.update(path for path, _ in flat(child.tree) if _is_about(claim.words, path, child))
        else:
            describes = True
    if not describes:
        left_out = [_shown(row) for row in rows if not _is_covered(row, covered, child)]
        wrong += [f"the name leaves out {change}" for change in left_out if not any(change in said for said in wrong)]
    return wrong


def _held(claim: Claim, rows: Sequence[Difference], child: Config) -> list[Path]:
    """What changed as claimed: as one claim, else as words alone before a setting, `muon_width_256`."""
    values = list(_new_values(rows, child))
    for length in range(len(claim.words) if claim.digits else 1):
        parts = [Claim(claim.words[:length]), claim._replace(words=claim.words[length:])][length == 0 :]
        held = [[path for path, value in values if _holds(part, path, value, child)] for part in parts]
        if all(held):
            return [path for paths in held for path in paths]
    return []


def _new_values(rows: Sequence[Difference], child: Config) -> Iterator[tuple[Path, Any]]:
    """What holds now where something changed; of a component of another kind, all of it."""
    for row in rows:
        if row.folded is None:
            yield row.path, row.b
        else:
            yield from flat(value_at(child.tree, row.path) or {}, row.path)


def _holds(claim: Claim, path: Path, value: Any, child: Config) -> bool:
    if claim.digits:
        return _is_about(claim.words, path, child) and _reads(claim.digits, value)
    return value not in (None, False) and _is_about(claim.words, path, child, value if isinstance(value, str) else "")


def _is_about(words: Sequence[str], path: Path, child: Config, value: str = "") -> bool:
    """The words stand in this order in the path, kinds of its tables and the value; the last of them below tables."""
    above: list[str] = []
    for length in range(1, len(path)):
        kind = value_at(child.tree, (*path[:length], "kind"))
        above += re.split(r"[_-]", f"{path[length - 1]}_{kind or ''}".lower())
    return _stand_in(words, above, f"{path[-1]}_{value}".lower().split("_"))


def _stand_in(words: Sequence[str], above: Sequence[str], own: Sequence[str]) -> bool:
    rest = iter([*above, *own])
    return bool(words) and words[-1] in own and all(word in rest for word in words)


def _reads(digits: Sequence[str], value: Any) -> bool:
    """Whether the digits may be read as the value."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    readings = {Decimal(".".join(digits))} if len(digits) == 2 else {Decimal(f"0.{digits[0]}")}
    if len(digits) == 1 and str(int(digits[0])) == digits[0]:
        readings.add(Decimal(digits[0]))
    return len(digits) <= 2 and Decimal(repr(value)) in readings


def _names_something(words: Sequence[str], shape: Shape) -> bool:
    """Whether some kind or field of the schema is called this."""
    match shape:
        case Component():
            is_kind = any(list(words) == kind.split("_") for kind in shape.kinds)
            return is_kind or any(_names_something(words, table) for table in shape.kinds.values())
        case Table():
            is_field = any(_stand_in(words, (), name.split("_")) for name in shape.fields)
            return is_field or any(_names_something(words, field.shape) for field in shape.fields.values())
        case Named():
            return _names_something(words, shape.item)
        case _:
            return False


def _unheld(claim: Claim, rows: Sequence[Difference], child: Config) -> str:
    about = [path for path, _ in flat(child.tree) if _is_about(claim.words, path, child)]
    named = [path for path, _ in _new_values(rows, child) if path in about] or about
    if named and claim.digits:
        now = ", ".join(f"{dotted(path)} is {spelled(value_at(child.tree, path))}" for path in named[:3])
        return f"the name says {claim}, but {now}"
    return f"the name says {claim}, but what changed is {', '.join(_shown(row) for row in rows[:3])}"


def _is_covered(row: Difference, covered: set[Path], child: Config) -> bool:
    if any(path[: len(row.path)] == row.path for path in covered):
        return True
    field = field_at(child.table, child.tree, row.path)
    if field is not None and field.attribute.metadata.get("class", "science") != "science":
        return True
    read = paths_read(child, row.path)
    return bool(read) and all(path in covered for path in read)


def _shown(row: Difference) -> str:
    before, after = ("(not set)" if value is None else spelled(value) for value in (row.a, row.b))
    return f"{dotted(row.path)} {before} -> {after}"
