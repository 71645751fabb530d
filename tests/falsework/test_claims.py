"""Names of experiments against what they change. Which names are true was written down by hand."""

import pytest

from falsework.claims import untruths
from tests.falsework.toy import BASE, load, write


def wrong(change: str, child: str, base: str = BASE) -> list[str]:
    write("base.toml", base)
    write("child.toml", f'extends = "base.toml"\n{child}')
    return untruths(change, load("base.toml"), load("child.toml"))


@pytest.mark.parametrize(
    ("change", "child"),
    [
        ("lr_001", "optimizer.lr = 0.001"),
        ("lr_00007", "optimizer.lr = 7e-5"),
        ("optimizer_lr_001", "optimizer.lr = 1e-3"),
        ("lr_1", "optimizer.lr = 1.0"),
        ("lr_1", "optimizer.lr = 0.1"),
        ("lr_2_5", "optimizer.lr = 2.5"),
        ("layers_2", "model.num_layers = 2"),
        ("num_steps_1200", "train.num_steps = 1200"),
        ("weight_decay_0", "optimizer.weight_decay = 0.0"),
        ("lr_001_layers_2", "optimizer.lr = 0.001\nmodel.num_layers = 2"),
        ("muon", "[optimizer]\nkind = 'muon'\nlr = 0.1"),
        ("muon_lr_02", "[optimizer]\nkind = 'muon'\nlr = 0.02"),
        ("muon_lr_0003", "[optimizer]\nkind = 'muon'\nlr = 0.0003"),
        ("muon_dim_32", "model.dim = 32\n[optimizer]\nkind = 'muon'\nlr = 0.1"),
        ("convnet", "[model]\nkind = 'convnet'"),
        ("bits_per_byte", "[eval.x]\nkind = 'bits_per_byte'"),
        ("lr_001_muon", "[optimizer]\nkind = 'muon'\nlr = 0.001"),
        ("longer", "train.num_steps = 200\nmodel.num_layers = 9"),
        ("no_shuffle", "train.shuffle = false"),
        ("seq_len_64", "model.max_positions = { _ref = 'data.seq_len' }\n[data]\nkind='python_source'\nseq_len = 64"),
    ],
)
def test_true_names(change: str, child: str) -> None:
    assert wrong(change, child) == []


@pytest.mark.parametrize(
    ("change", "child", "told"),
    [
        ("lr_001", "optimizer.lr = 0.002", "the name says lr_001, but optimizer.lr is 0.002"),
        ("lr_01", "optimizer.lr = 0.1", "the name says lr_01, but optimizer.lr is 0.1"),
        (
            "lr_001",
            "train.seed = 1",
            "the name says lr_001, but optimizer.lr is 0.0003; the name leaves out train.seed 0 -> 1",
        ),
        ("layers_02", "model.num_layers = 2", "the name says layers_02, but model.num_layers is 2"),
        ("lr_1_2_3", "optimizer.lr = 1.2", "the name says lr_1_2_3, but optimizer.lr is 1.2"),
        ("lr_001", "optimizer.lr = 0.001\nmodel.num_layers = 2", "the name leaves out model.num_layers 6 -> 2"),
        ("try_2", "optimizer.lr = 0.5", "the name says try_2, but what changed is optimizer.lr 0.0003 -> 0.5"),
        ("muon", "optimizer.lr = 0.5", "the name says muon, but what changed is optimizer.lr 0.0003 -> 0.5"),
        ("shuffle", "train.shuffle = false", "the name says shuffle, but what changed is train.shuffle true -> false"),
        ("muon_dim_32", "model.dim = 32", "the name says muon_dim_32, but what changed is model.dim 64 -> 32"),
        ("again", "", "it changes nothing against its parent"),
    ],
)
def test_untrue_names(change: str, child: str, told: str) -> None:
    assert "; ".join(wrong(change, child)) == told
