"""Names of experiments and the tree that they span."""

import pytest

from harness.lineage import Name, parse_name, tree_lines


@pytest.mark.parametrize(
    ("experiment", "expected"),
    [
        ("01_baseline", Name(parent=None, change="baseline", number=1)),
        ("22_lr_001_23", Name(parent=22, change="lr_001", number=23)),
        ("1_more_layers_2", Name(parent=1, change="more_layers", number=2)),
        ("notes", None),
        ("22_lr_001_23+cpu_debug", None),
        ("01_", None),
    ],
)
def test_a_name_has_a_parent_a_change_and_a_number(experiment: str, expected: Name | None) -> None:
    assert parse_name(experiment) == expected


def test_the_tree_shows_every_name_once_below_its_parent() -> None:
    names = [parse_name(text) for text in ("01_root", "01_a_02", "02_b_04", "01_c_03", "09_orphan_10")]
    lines = tree_lines([name for name in names if name is not None])
    assert [f"{indent}{name.number}" for indent, name in lines] == ["1", "├─ 2", "│  └─ 4", "└─ 3", "10"]
