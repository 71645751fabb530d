"""What stands on the edges of the tree of experiments."""

from collections.abc import Sequence

import pytest

from falsework import Config, ConfigError
from falsework.edges import Edge, edges
from tests.falsework.numbers import naming
from tests.falsework.toy import BASE, load, write


def load_files(files: Sequence[str]) -> Config:
    return load(*files)


def found() -> dict[int, Edge]:
    return edges("configs", load=load_files, naming=naming())


def test_an_edge_says_what_was_changed_and_leaves_out_what_follows() -> None:
    write("configs/01_base.toml", BASE + "    max_positions = { _ref = 'data.seq_len' }")
    write("configs/01_short_02.toml", 'extends = "01_base.toml"\n[data]\nkind = "python_source"\nseq_len = 9')
    write("configs/02_muon_03.toml", 'extends = "01_short_02.toml"\n[optimizer]\nkind = "muon"\nlr = 0.1')
    write("configs/02_none_04.toml", 'extends = "01_short_02.toml"\n[eval.x]\nkind = "completions"')
    write("configs/notes.toml", "this is no experiment")
    assert {number: edge.changes for number, edge in found().items()} == {
        1: [],
        2: ["data.seq_len 128 -> 9"],
        3: ["optimizer adamw -> muon, lr 0.0003 -> 0.1"],
        4: ["eval.x (not set) -> completions"],
    }
    assert found()[3][:4] == (3, 2, "muon", "configs/02_muon_03.toml")


def test_trouble_is_told_all_at_once() -> None:
    with pytest.raises(ConfigError, match="configs: no numbered experiments here"):
        found()
    write("configs/01_base.toml", BASE + "    x = 1")
    write("configs/02_base.toml", BASE)
    write("configs/01_again_02.toml", BASE)
    with pytest.raises(ConfigError) as caught:
        found()
    assert "configs/01_base.toml:10:1: model.x: unknown key" in str(caught.value)
    assert "configs/02_base.toml: configs/01_again_02.toml has the number 02 too" in str(caught.value)
