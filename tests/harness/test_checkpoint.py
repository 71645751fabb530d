"""Checkpoints that were torn, flipped, lost, or killed while they were written."""

import math
import os
import random
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from harness.checkpoint import Keep, find_fault, load_checkpoint, newest_checkpoint, save_checkpoint
from harness.train_state import TrainState

FACTS = {"num_processes": 2}


def state_at(step: int, *, width: int = 3) -> TrainState:
    """A tied model and two optimizers that have taken `step` steps."""
    torch.manual_seed(step)
    embedding, head = nn.Embedding(5, width), nn.Linear(width, 5, bias=False)
    head.weight = embedding.weight
    model = nn.Sequential(embedding, head)
    momentum = torch.optim.SGD([head.weight], lr=0.1, momentum=0.9)
    state = TrainState(
        model=model, optimizers=[torch.optim.AdamW(model.parameters(), fused=True), momentum], num_tokens=100 * step
    )
    for state.step in range(1, step + 1):
        model(torch.tensor([0, 1])).square().sum().backward()
        for optimizer in state.optimizers:
            optimizer.step()
    return state


def bits(state: TrainState) -> list[object]:
    """Every number of a state, in comparable form."""
    tensors = dict(state.model.state_dict())
    for number, optimizer in enumerate(state.optimizers):
        for index, values in optimizer.state_dict()["state"].items():
            tensors |= {f"{number}/{index}/{name}": value for name, value in values.items()}
    return [state.step, state.num_tokens, *((name, value.numpy().tobytes()) for name, value in tensors.items())]


def test_a_loaded_state_has_the_bits_that_were_saved(tmp_path: Path) -> None:
    saved, loaded = state_at(3), state_at(1)
    path = save_checkpoint(tmp_path, saved.contents(), keep=Keep(newest=1), facts=FACTS)
    assert bits(loaded) != bits(saved)
    load_checkpoint(path, loaded)
    assert bits(loaded) == bits(saved)
    assert loaded.model[1].weight is loaded.model[0].weight  # type: ignore[index]


def test_no_checkpoint_is_no_fault(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "missing") == (None, [])
    assert newest_checkpoint(tmp_path) == (None, [])


def test_the_newest_k_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 5, 10):
        save_checkpoint(tmp_path, state_at(step).contents(), keep=Keep(newest=2), facts=FACTS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_00000005", "step_00000010"]


LOSSES = {2: 3.0, 4: 1.0, 6: math.nan, 8: 1.0, 10: 2.0, 12: 5.0, 14: None}


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (Keep(newest=1), [14]),
        (Keep(newest=2, every_steps=5), [10, 12, 14]),
        (Keep(newest=1, lowest="eval/a/loss"), [8, 14]),
        (Keep(newest=1, highest="eval/a/loss"), [12, 14]),
        (Keep(newest=1, every_steps=6, lowest="eval/a/loss", highest="eval/a/loss"), [6, 8, 12, 14]),
        (Keep(newest=1, lowest="eval/a/missing"), [14]),
    ],
)
def test_milestones_and_the_best_stay_beside_the_newest(tmp_path: Path, keep: Keep, expected: list[int]) -> None:
    for step, loss in LOSSES.items():
        metrics = {} if loss is None else {"eval/a/loss": loss}
        save_checkpoint(tmp_path, state_at(step).contents(), keep=keep, facts=FACTS, metrics=metrics)
    kept = sorted(int(path.name.removeprefix("step_")) for path in tmp_path.iterdir())
    assert kept == expected
    assert all(find_fault(path) == "" for path in tmp_path.iterdir())


def test_a_broken_newer_checkpoint_does_not_crowd_out_what_is_saved_now(tmp_path: Path) -> None:
    for step in (2, 4):
        save_checkpoint(tmp_path, state_at(step).contents(), keep=Keep(newest=2), facts=FACTS)
    (tmp_path / "step_00000004" / "model.safetensors").unlink()
    path = save_checkpoint(tmp_path, state_at(3).contents(), keep=Keep(newest=1), facts=FACTS)
    assert newest_checkpoint(tmp_path)[0] == path
    again = save_checkpoint(tmp_path, state_at(4).contents(), keep=Keep(newest=1), facts=FACTS)
    assert newest_checkpoint(tmp_path) == (again, [])


def test_a_step_that_is_reached_again_keeps_its_checkpoint(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, state_at(2).contents(), keep=Keep(newest=1), facts=FACTS)
    before = (path / "manifest.json").stat().st_ino
    assert save_checkpoint(tmp_path, state_at(2).contents(), keep=Keep(newest=1), facts=FACTS) == path
    assert (path / "manifest.json").stat().st_ino == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("instead", ["a file", "a dead link", "a link to a whole one"])
def test_what_stands_in_the_place_of_a_checkpoint_does_not_end_the_run(tmp_path: Path, instead: str) -> None:
    root, keep, elsewhere = tmp_path / "checkpoints", Keep(newest=1), tmp_path / "elsewhere"
    first = save_checkpoint(root, state_at(1).contents(), keep=keep, facts=FACTS)
    first.rename(elsewhere)
    target = {"a dead link": tmp_path / "gone", "a link to a whole one": elsewhere}.get(instead)
    in_the_way = [first, root / ".writing_step_00000001"]
    if instead != "a link to a whole one":  # of the same step, which would be left where it is
        in_the_way.append(root / "step_00000002")
    for place in in_the_way:
        place.symlink_to(target) if target else place.write_text("")
    again = save_checkpoint(root, state_at(2).contents(), keep=keep, facts=FACTS)
    assert newest_checkpoint(root) == (again, [])
    assert list(root.iterdir()) == [again]
    assert find_fault(elsewhere) == "", "what a link points to is not ours"


def test_a_copy_under_another_name_is_neither_used_nor_deleted(tmp_path: Path) -> None:
    keep = Keep(newest=1, every_steps=2)
    copy = shutil.copytree(
        save_checkpoint(tmp_path, state_at(1).contents(), keep=keep, facts=FACTS), tmp_path / "step_00000001.bak"
    )
    assert newest_checkpoint(tmp_path) == (tmp_path / "step_00000001", [])
    newest = save_checkpoint(tmp_path, state_at(3).contents(), keep=keep, facts=FACTS)
    assert sorted(tmp_path.iterdir()) == [copy, newest]


def files_of(path: Path) -> list[str]:
    return sorted(file.name for file in path.iterdir())


@pytest.fixture(scope="module")
def two_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkpoints")
    for step in (1, 2):
        save_checkpoint(root, state_at(step).contents(), keep=Keep(newest=2), facts=FACTS)
    return root


@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors", "optimizers.pt"])
@pytest.mark.parametrize("damage", ["missing", "empty", "short", "longer", "flipped", "a directory", "unreadable"])
def test_damage_to_any_file_is_found_and_the_checkpoint_before_is_used(
    two_checkpoints: Path, tmp_path: Path, name: str, damage: str
) -> None:
    root = shutil.copytree(two_checkpoints, tmp_path / "checkpoints")
    older, newer = sorted(root.iterdir())
    assert find_fault(newer) == ""
    assert files_of(newer) == ["manifest.json", "model.safetensors", "optimizers.pt"]
    content = (newer / name).read_bytes()
    (newer / name).unlink()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :]
    if damage == "a directory":
        (newer / name).mkdir()
    elif damage == "unreadable":
        (newer / name).symlink_to("/proc/self/mem")  # its first page gives an input/output error, as a bad disk does
    elif damage != "missing":
        forms = {"empty": b"", "short": content[:-1], "longer": content + b"\0", "flipped": flipped}
        (newer / name).write_bytes(forms[damage])
    chosen, faults = newest_checkpoint(root)
    assert chosen == older
    assert len(faults) == 1
    assert "step_00000002" in faults[0]
    assert name in faults[0]


def test_no_flipped_bit_changes_what_is_loaded(two_checkpoints: Path, tmp_path: Path) -> None:
    """Also in the manifest, which holds the step."""
    root = shutil.copytree(two_checkpoints, tmp_path / "checkpoints")
    newer = root / "step_00000002"
    expected = state_at(2)
    dice = random.Random(0)
    for name in files_of(newer):
        content = (newer / name).read_bytes()
        for _ in range(150):
            at, bit = dice.randrange(len(content)), 1 << dice.randrange(8)
            (newer / name).write_bytes(content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :])
            if not find_fault(newer):  # a blank may turn into another blank
                state = state_at(0)
                load_checkpoint(newer, state)
                assert bits(state) == bits(expected), (name, at, bit)
        (newer / name).write_bytes(content)


def test_without_a_whole_checkpoint_every_fault_is_named(two_checkpoints: Path, tmp_path: Path) -> None:
    root = shutil.copytree(two_checkpoints, tmp_path / "checkpoints")
    for path in root.iterdir():
        (path / "optimizers.pt").unlink()
    chosen, faults = newest_checkpoint(root)
    assert chosen is None
    assert [re.findall(r"step_\d+", fault)[0] for fault in faults] == ["step_00000002", "step_00000001"]


@pytest.mark.parametrize("max_file_bytes", [50, 5_000])
def test_a_full_disk_is_an_os_error_and_what_was_there_stays_whole(tmp_path: Path, max_file_bytes: int) -> None:
    before = save_checkpoint(tmp_path, state_at(1).contents(), keep=Keep(newest=1), facts=FACTS)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, hard))
    try:
        with pytest.raises(OSError, match="step_00000002"):
            save_checkpoint(tmp_path, state_at(2, width=300).contents(), keep=Keep(newest=1), facts=FACTS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert newest_checkpoint(tmp_path) == (before, [])
    after = save_checkpoint(tmp_path, state_at(3).contents(), keep=Keep(newest=1), facts=FACTS)
    assert list(tmp_path.iterdir()) == [after], "what the failed save left behind goes with the next one"


def test_all_is_synced_before_the_rename_the_parent_after_it_and_only_then_older_ones_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's own calls, listened to: what a power cut would leave cannot be tried here."""
    first = save_checkpoint(tmp_path, state_at(1).contents(), keep=Keep(newest=1), facts=FACTS)
    happened: list[str] = []

    def listen(module: ModuleType, call: str, name: Callable[[Any], str]) -> None:
        real = getattr(module, call)

        def heard(what: Any, *others: Any, **words: Any) -> None:
            happened.append(name(what))
            real(what, *others, **words)

        monkeypatch.setattr(module, call, heard)

    listen(os, "fsync", lambda file: f"synced {os.fstat(file).st_ino}")
    listen(os, "rename", lambda path: f"renamed {path.name}")
    listen(shutil, "rmtree", lambda path: f"gone {path.name}")
    second = save_checkpoint(tmp_path, state_at(2).contents(), keep=Keep(newest=1), facts=FACTS)
    renamed, gone = happened.index(f"renamed .writing_{second.name}"), happened.index(f"gone {first.name}")
    contents = {path.name: f"synced {path.stat().st_ino}" for path in (second, *second.rglob("*"))}
    assert sorted(contents) == ["manifest.json", "model.safetensors", "optimizers.pt", second.name]
    assert set(contents.values()) <= set(happened[:renamed])
    assert happened.index(contents["manifest.json"]) == 2, "after the files that it lists"
    assert f"synced {tmp_path.stat().st_ino}" in happened[renamed:gone]


AT_EVERY_POINT = """
import itertools, os, signal, sys
from pathlib import Path
import torch
from harness.checkpoint import Keep, save_checkpoint
from harness.save_beside import SavesBeside
from harness.train_state import TrainState

model = torch.nn.Linear(64, 64)
state = TrainState(model=model, optimizers=[])
how = sys.argv[2]

def save(root, step):
    state.step = step
    torch.nn.init.constant_(model.weight, step)
    if how == "at once":
        return save_checkpoint(root, state.contents(), keep=Keep(newest=1), facts={})
    with SavesBeside() as saves:
        saves.save(state, lambda contents, _: save_checkpoint(root, contents, keep=Keep(newest=1), facts={}))
        torch.nn.init.constant_(model.weight, 99)  # training goes on

def save_twice_and_die(root, point):
    points = itertools.count()
    def hook(event, arguments):
        if event.startswith(("open", "os.", "shutil.")) and next(points) == point:
            os.kill(os.getpid(), signal.SIGKILL)
    save(root, 1)
    sys.addaudithook(hook)
    save(root, 2)
    os._exit(0)

for point in itertools.count():
    child = os.fork()
    if child == 0:
        save_twice_and_die(Path(sys.argv[1]) / str(point), point)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


@pytest.mark.parametrize("how", ["at once", "beside"])
def test_kill_9_before_any_touch_of_the_disk_leaves_a_whole_checkpoint(tmp_path: Path, how: str) -> None:
    """One child per point: Python's audit hook sees every file that is opened, made, renamed and removed."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", AT_EVERY_POINT, str(tmp_path), how], check=True, timeout=120)
    steps = []
    for point in range(len(list(tmp_path.iterdir()))):
        root = tmp_path / str(point)
        chosen, faults = newest_checkpoint(root)
        assert faults == []
        assert chosen is not None
        state = TrainState(model=nn.Linear(64, 64), optimizers=[])
        load_checkpoint(chosen, state)
        assert (state.model.get_parameter("weight") == state.step).all()
        steps.append(state.step)
        state.step = 3
        save_checkpoint(root, state.contents(), keep=Keep(newest=1), facts={})
        assert [path.name for path in root.iterdir()] == ["step_00000003"]
    assert steps == sorted(steps), "the new one is there from one point on"
    assert steps.count(1) > 5
    assert steps.count(2) > 5
