"""One raw sample as it was kept, in full, for a terminal: of one run, or of two below each other."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.comparison.address import Address, visible
from harness.comparison.reading import Reading, read_eval
from harness.launch import Refused

KEPT = "\n\t"  # a text is shown with its lines
MAX_CHARACTERS = 20_000  # of one field; the file has the rest


def find_sample(run: Path, address: Address) -> Mapping[str, Any]:
    """The row at an address, in a run that may be another than the address names. Raises Refused."""
    reading = read_eval(run, address.eval, step=address.step)
    if reading is None:
        raise Refused(f"{run.name} has no {address.eval} at step {address.step:,}\n  help: tools/runs show {run.name}")
    return _row(reading, run, address)


def find_last_sample(run: Path, address: Address) -> tuple[Address, Mapping[str, Any]]:
    """The same item at the last step of a run, with its own address. Raises Refused."""
    reading = read_eval(run, address.eval)
    if reading is None:
        raise Refused(f"{run.name} has no eval {address.eval}\n  help: tools/runs show {run.name}")
    there = Address(run=run.name, eval=address.eval, step=reading.step, id=address.id)
    return there, _row(reading, run, address)


def sample_text(address: Address, row: Mapping[str, Any]) -> str:
    """The address, short fields one a line, then each text with its lines, marked at the left."""
    texts = {key: value for key, value in row.items() if isinstance(value, str) and key != "id"}
    lines = [str(address)]
    for key, value in row.items():
        if key not in texts:
            shown = visible(_cut(value if isinstance(value, str) else json.dumps(value)))
            lines.append(f"  {visible(key)}  {shown}")
    for key, value in texts.items():
        lines += [f"  {visible(key)}", *(f"  | {line}" for line in visible(_cut(value), keep=KEPT).split("\n"))]
    return "\n".join(lines) + "\n"


def _cut(text: str) -> str:
    left = len(text) - MAX_CHARACTERS
    return f"{text[:MAX_CHARACTERS]}… {left:,} more characters" if left > 0 else text


def _row(reading: Reading, run: Path, address: Address) -> Mapping[str, Any]:
    for row in reading.rows:
        if address.id in (str(row["id"]), visible(str(row["id"]))):
            return row
    raise Refused(
        f"{run.name}/{address.eval}/step_{reading.step:08} has no item {visible(address.id)}\n"
        f"  help: it has {len(reading.rows):,}; {reading.folder / 'samples.jsonl'} has them all"
    )
