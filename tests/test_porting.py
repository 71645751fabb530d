"""docs/porting.md goes with falsework: every TOML block of it loads, and its counts of lines are right."""

import re
from pathlib import Path

import pytest

from bindings import SCHEMA
from bindings.run import Run
from falsework import load

PAGE = (Path(__file__).parents[1] / "docs" / "porting.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r"^## (.*)\n((?:(?!## ).*\n)+)", PAGE.partition("\n## Real files\n")[0], re.MULTILINE)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def num_lines(text: str) -> int:
    return sum(1 for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


@pytest.mark.parametrize(("title", "body"), SECTIONS, ids=[title.partition(":")[0] for title, _ in SECTIONS])
def test_every_block_loads_and_the_lines_are_counted(
    title: str, body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("start.toml").write_text(BLOCK.findall(PAGE)[0][1])
    blocks = BLOCK.findall(body)
    files = {text.split("\n")[0].removeprefix("# "): text for language, text in blocks if language == "toml"}
    for name, text in files.items():
        Path(name).write_text(text)
    for name in files:
        assert isinstance(load([name], **SCHEMA).value, Run)
    before = sum(num_lines(text) for language, text in blocks if language != "toml")
    assert [int(number) for number in re.findall(r"\d+", title)] == [
        before,
        sum(num_lines(text) for text in files.values()),
    ]


def test_the_page_has_four_sections_and_is_short() -> None:
    assert len(SECTIONS) == 4
