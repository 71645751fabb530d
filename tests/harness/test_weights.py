"""A start from other weights: what fits is taken, what does not is named, and what is broken is refused."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from harness.averaging import WeightAverage
from harness.checkpoint import Keep, save_checkpoint, shards_beside
from harness.launch import Refused
from harness.train_state import TrainState, make_room, write_tensors_in_shards
from harness.weights import export_weights, warm_start


def model(*, width: int = 3, head: int = 4) -> nn.ModuleDict:
    body = nn.Sequential(nn.Embedding(5, width), nn.Linear(width, 2))
    return nn.ModuleDict({"body": body, "head": nn.Linear(2, head)})


def saved(tmp_path: Path, *, in_shards: bool = False) -> tuple[Path, nn.Module]:
    """A run directory with one checkpoint, and the model in it."""
    trained = model()
    optimizer = torch.optim.AdamW(trained.parameters())
    average = WeightAverage(trained, decay=0.5, warmup_steps=0, used_by_evals=True)
    for parameter in trained.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    average.update(0)
    state = TrainState(model=trained, optimizers=[optimizer], average=average, step=1, in_shards=in_shards)
    root = tmp_path / "run" / "checkpoints"
    if in_shards:
        write_tensors_in_shards(make_room(shards_beside(root)), state)
    save_checkpoint(root, state.contents(), keep=Keep(newest=1), facts={})
    return tmp_path / "run", trained


def same(first: nn.Module, second: nn.Module) -> bool:
    other = second.state_dict()
    return all(torch.equal(tensor, other[name]) for name, tensor in first.state_dict().items())


@pytest.mark.parametrize("in_shards", [False, True])
def test_a_run_a_checkpoint_and_a_file_give_the_same_weights(tmp_path: Path, in_shards: bool) -> None:
    run, trained = saved(tmp_path, in_shards=in_shards)
    file = tmp_path / "weights.safetensors"
    assert export_weights(run, file, averaged=False) == 5
    for path in (run, run / "checkpoints" / "step_00000001", file):
        fresh = model()
        said = warm_start(fresh, path, allow=())
        assert same(fresh, trained)
        assert (said.num_tensors, said.left_out) == (5, [])
    assert said.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("in_shards", [False, True])
def test_averages_are_exported_too_and_nothing_is_written_over(tmp_path: Path, in_shards: bool) -> None:
    run, trained = saved(tmp_path, in_shards=in_shards)
    file = tmp_path / "average.safetensors"
    export_weights(run, file, averaged=True)
    difference = load_file(file)["head.weight"] - trained.state_dict()["head.weight"]
    torch.testing.assert_close(difference, torch.full_like(difference, 0.5e-3), rtol=0.02, atol=1e-6)  # half a step
    with pytest.raises(Refused, match="exists already"):
        export_weights(run, file, averaged=True)


def test_all_that_does_not_fit_is_named_at_once_or_allowed(tmp_path: Path) -> None:
    run, trained = saved(tmp_path)
    other = nn.ModuleDict({"body": model()["body"], "head": nn.Linear(2, 7), "extra": nn.Linear(1, 1, bias=False)})
    untouched = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(Refused) as refused:
        warm_start(other, run, allow=())
    for line in (
        "does not fit the model:",
        "  extra.weight: not in the file\n",
        "  head.weight: [4, 2] in the file, [7, 2] in the model\n",
        "  head.bias: [4] in the file, [7] in the model\n",
        'allow = ["head.*"]',
    ):
        assert line in str(refused.value)
    assert all(torch.equal(tensor, untouched[name]) for name, tensor in other.state_dict().items())
    with pytest.raises(Refused, match="extra") as refused:
        warm_start(other, run, allow=("head.*",))
    assert "head.weight" not in str(refused.value)
    said = warm_start(other, run, allow=("head.*", "extra.weight"))
    assert [fault.partition(":")[0] for fault in said.left_out] == ["extra.weight", "head.bias", "head.weight"]
    assert torch.equal(other.state_dict()["body.0.weight"], trained.state_dict()["body.0.weight"])
    assert torch.equal(other.state_dict()["head.weight"], untouched["head.weight"])
    assert said.notes()[0].startswith("starts from 3 tensors of ")
    assert said.notes()[1] == "  left as drawn: extra.weight: not in the file"


def test_of_a_tied_head_one_name_is_enough(tmp_path: Path) -> None:
    tied = nn.ModuleDict({"embedding": nn.Embedding(5, 3), "head": nn.Linear(3, 5, bias=False)})
    tied["head"].weight = tied["embedding"].weight
    save_file({"head.weight": torch.ones(5, 3)}, tmp_path / "one.safetensors")
    assert warm_start(tied, tmp_path / "one.safetensors", allow=()).left_out == []
    assert (tied.state_dict()["embedding.weight"] == 1).all()


def test_what_holds_no_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("not tensors at all")
    with pytest.raises(Refused, match=r"not a \.safetensors file"):
        warm_start(model(), tmp_path / "text.safetensors", allow=())
    with pytest.raises(Refused, match="no weights are there"):
        warm_start(model(), tmp_path, allow=())
    run, _ = saved(tmp_path)
    with (run / "checkpoints" / "step_00000001" / "model.safetensors").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(Refused, match="no weights are there"):
        warm_start(model(), run, allow=())
    with pytest.raises(Refused, match=r"model\.safetensors is not what was written"):
        warm_start(model(), run / "checkpoints" / "step_00000001", allow=())
