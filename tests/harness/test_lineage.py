"""Names of experiments and the tree that they span."""

import pytest

from harness.lineage import Name, child_name, parse_name, tree_lines, tree_text


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


def test_names_that_cannot_be_a_tree_are_shown_all_the_same() -> None:
    names = [parse_name(text) for text in ("05_x_04", "04_y_05", "03_z_03", "04_a_06", "04_b_06", "06_c_07")]
    lines = tree_lines([name for name in names if name is not None])
    assert [f"{indent}{name.change}" for indent, name in lines] == ["z", "x", "├─ y", "├─ a", "│  └─ c", "└─ b"]


def test_a_tree_may_be_deep() -> None:
    names = [Name(parent=number - 1 or None, change="x", number=number) for number in range(1, 3000)]
    assert len(tree_lines(names)[-1][0]) == 3 * 2998


def test_a_name_is_spelled_as_it_is_read() -> None:
    assert child_name(2, "lr_001", 13) == "02_lr_001_13"
    assert parse_name(child_name(120, "muon", 121)) == Name(parent=120, change="muon", number=121)
    for change in ("", "a b", "a-b", "../a", "a__b", "_a", "A"):
        with pytest.raises(ValueError, match="no name for a change"):
            child_name(1, change, 2)


def test_notes_stand_beside_their_lines() -> None:
    names = [Name(parent=None, change="root", number=1), Name(parent=1, change="a", number=2)]
    assert tree_text(names, {2: "lr 1 -> 2"}) == "01 root\n└─ 02 a  lr 1 -> 2\n"
    assert tree_text([], {}) == ""
