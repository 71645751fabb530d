"""The short form of trainer.py, which says what it does; the long one is a command of its own."""

import random
from pathlib import Path

import pytest

from tests.chaos import trainer

pytestmark = pytest.mark.slow


def test_a_run_killed_at_random_and_then_one_with_a_broken_checkpoint_end_with_the_same_bits(tmp_path: Path) -> None:
    dice = random.Random(0)
    world = trainer.WORLDS[0]
    straight = trainer.straight_run(tmp_path / "straight", world)
    trainer.killed_run(tmp_path / "killed", world, 2, straight, dice)
    trainer.broken_checkpoint(
        tmp_path / "broken", dice.choice((trainer.cut, trainer.flip, trainer.remove)), straight, dice
    )


@pytest.mark.parametrize("world", trainer.WORLDS, ids=str)
def test_a_full_disk_is_said_in_a_line_and_the_run_goes_on(tmp_path: Path, world: trainer.World) -> None:
    straight = trainer.straight_run(tmp_path / "straight", world)
    said = trainer.full_disk(tmp_path / "full", world, straight)
    if "skipped" in said:
        pytest.skip(said)
