"""Which earlier runs a run repeats."""

import json
from pathlib import Path

from harness.repeats import earlier_runs, repeats_line


def record(root: Path, name: str, content: object) -> Path:
    path = root / name
    path.mkdir(parents=True)
    (path / "run.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_runs_with_the_same_science_are_found_oldest_first(tmp_path: Path) -> None:
    same, other = {"fingerprints": {"science": "a", "place": "x"}}, {"fingerprints": {"science": "b", "place": "x"}}
    second = record(tmp_path, "01_b-20261123T000000Z-0000", same)
    first = record(tmp_path, "07_z-20261122T000000Z-ffff", same)
    record(tmp_path, "01_b-20261121T000000Z-0000", other)
    runs = earlier_runs(tmp_path, "a")
    assert runs == [first, second]
    assert repeats_line(runs) == f"repeats {second} and 1 before it: the same in all that changes what is learnt"
    assert repeats_line(runs[:1]) == f"repeats {first}: the same in all that changes what is learnt"


def test_a_first_run_and_records_that_say_nothing_are_no_repeats(tmp_path: Path) -> None:
    for number, content in enumerate(["", "{", "[]", {}, {"fingerprints": None}, {"fingerprints": {"science": ""}}]):
        record(tmp_path, f"01_a-2026112{number}T000000Z-0000", content)
    assert earlier_runs(tmp_path, "a") == []
    assert earlier_runs(tmp_path, "") == []
    assert earlier_runs(tmp_path / "none", "a") == []
    assert repeats_line([]) == ""
