"""Row files after kills, full disks and numbers that JSON does not know, read back by json itself."""

import json
import math
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import dictionaries, floats, integers, lists, recursive, text

from harness.rows import RowWriter, encode, read

LEAVES = integers() | floats() | text()
VALUES = recursive(
    LEAVES, lambda inner: lists(inner, max_size=3) | dictionaries(text(), inner, max_size=3), max_leaves=6
)
WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def with_floats_again(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: with_floats_again(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_floats_again(inner) for inner in value]
    return WORDS.get(value, value) if isinstance(value, str) else value


@given(dictionaries(text(), VALUES, max_size=4))
def test_any_row_is_one_line_of_strict_json_that_reads_back_the_same(row: dict[str, Any]) -> None:
    line = encode(row)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    back = json.loads(line, parse_constant=refuse)
    assert repr(with_floats_again(back)) == repr(with_floats_again(row))


def test_numbers_that_are_not_finite_are_words(tmp_path: Path) -> None:
    writer = RowWriter(tmp_path / "rows.jsonl")
    writer.write({"a": math.nan, "metrics": {"b": math.inf, "c": [-math.inf]}})
    writer.close()
    assert (tmp_path / "rows.jsonl").read_text() == '{"a":"NaN","metrics":{"b":"Infinity","c":["-Infinity"]}}\n'


def test_a_row_is_one_write_to_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []
    real_write = os.write

    def noting_write(descriptor: int, content: bytes) -> int:
        writes.append(content)
        return real_write(descriptor, content)

    writer = RowWriter(tmp_path / "rows.jsonl")
    monkeypatch.setattr(os, "write", noting_write)
    writer.write({"step": 1, "text": "x" * 100_000})
    writer.write({"step": 2})
    monkeypatch.undo()
    writer.close()
    assert [write.count(b"\n") for write in writes] == [1, 1]
    assert b"".join(writes) == (tmp_path / "rows.jsonl").read_bytes()


@pytest.mark.parametrize("torn", [b'{"step":3,"lo', b"{", b'{"step":3,"text":"\xc3', b'{"step":3}{"step"'])
def test_a_torn_line_is_left_out_and_closed_off_by_the_next_writer(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"step":1}\n{"step":2}\n' + torn)
    assert read(path) == [{"step": 1}, {"step": 2}]
    writer = RowWriter(path)
    writer.write({"step": 4})
    writer.close()
    assert read(path) == [{"step": 1}, {"step": 2}, {"step": 4}]
    assert path.read_bytes().startswith(b'{"step":1}\n{"step":2}\n' + torn), "what was written stays"


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").touch()
    assert read(tmp_path / "rows.jsonl") == []


def test_a_second_writer_appends(tmp_path: Path) -> None:
    for step in range(3):
        writer = RowWriter(tmp_path / "rows.jsonl")
        writer.write({"step": step})
        writer.close()
    assert read(tmp_path / "rows.jsonl") == [{"step": 0}, {"step": 1}, {"step": 2}]


def test_kill_9_loses_no_row_that_was_written(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.rows import RowWriter\n"
        "writer = RowWriter(Path(sys.argv[1]))\n"
        "for step in range(10**9):\n"
        "    writer.write({'step': step, 'text': 'x' * (step % 5000)})\n"
        "    if step % 100 == 0: print(step, flush=True)\n"
    )
    path = tmp_path / "rows.jsonl"
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(20)][-1]
        process.send_signal(signal.SIGKILL)
    steps = [row["step"] for row in read(path)]
    assert steps == list(range(len(steps)))
    assert len(steps) > said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_an_error() -> None:
    with pytest.raises(OSError, match="No space left"):
        RowWriter(Path("/dev/full")).write({"step": 1})


def test_half_a_row_on_a_full_disk_is_an_error_and_the_rows_before_it_stay(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    writer = RowWriter(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        writer.write({"step": 1, "text": "x" * 50})
        with pytest.raises(OSError, match="is the disk full"):
            writer.write({"step": 2, "text": "x" * 50})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == 100
    writer = RowWriter(path)
    writer.write({"step": 3})
    writer.close()
    assert [row["step"] for row in read(path)] == [1, 3]
