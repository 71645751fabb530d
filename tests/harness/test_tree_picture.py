"""The tree of experiments as an SVG that any reader of XML takes."""

import re
from xml.etree import ElementTree as ET

from harness.lineage import Name
from harness.tree_picture import tree_picture

NAMES = [Name(parent=parent, change="x", number=number) for parent, number in ((None, 1), (1, 2), (2, 3), (1, 4))]
SVG = "{http://www.w3.org/2000/svg}"


def test_every_experiment_has_a_dot_and_every_child_an_edge_from_its_parent() -> None:
    picture = ET.fromstring(tree_picture(NAMES, {2: "a < b & c"}))  # noqa: S314  # our own output
    dots = [(int(dot.attrib["cx"]), int(dot.attrib["cy"])) for dot in picture.iter(f"{SVG}circle")]
    edges = [tuple(map(int, re.findall(r"\d+", path.attrib["d"]))) for path in picture.iter(f"{SVG}path")]
    one, two, three, four = dots
    assert edges == [(*one, two[1], two[0]), (*two, three[1], three[0]), (*one, four[1], four[0])]
    assert "a < b & c" in ["".join(note.itertext()) for note in picture.iter(f"{SVG}tspan")]
    assert all(x < int(picture.attrib["width"]) and y < int(picture.attrib["height"]) for x, y in dots)


def test_no_experiments_are_an_empty_picture() -> None:
    assert list(ET.fromstring(tree_picture([], {})).iter(f"{SVG}circle")) == []  # noqa: S314
