"""Kills training runs with SIGKILL at random moments and compares what they end with, bit by bit; breaks checkpoints.

    .venv/bin/python tests/chaos/trainer.py --kills 30 --seed 1

Every run is real: train.py in processes of its own, on one process, on two, and on two in shards. A run is killed once
or more, while it trains, writes a checkpoint or evaluates, goes on, and must end with the weights and the optimizer
state of a run that nobody disturbed. Then checkpoints are cut short, flipped and removed, and the disk is filled during
a save.
Exit code 0 when all of it held.
"""

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil

from harness.sharded_files import read_whole
from harness.train_state import SHARDS
from tests.system.conftest import ACCELERATE, TRAIN, rows, write_workplace

MAX_SECONDS = 600  # of one start
CHAOS = """
why = "does it survive?"
[train]
eval_every_steps = 4
checkpoint_every_steps = 4
"""
FILES = ("manifest.json", "model.safetensors", "optimizers.pt")


class World(NamedTuple):
    """On what a run is started."""

    num_processes: int
    layer: str = ""

    def __str__(self) -> str:
        return f"{self.num_processes} process(es)" + " in shards" * bool(self.layer)


WORLDS = (World(1), World(2), World(2, '[parallel]\nkind = "fsdp"\n'))


def main() -> int:
    """Runs everything and says what was killed when."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30, help="how many SIGKILLs in all (default 30)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and of the damage (default 0)")
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        root = Path(folder)
        straight = {world: straight_run(root / f"straight {world}", world) for world in WORLDS}
        phases: Counter[str] = Counter()
        while phases.total() < arguments.kills:
            world = dice.choice(WORLDS)
            at_most = min(dice.randint(1, 4), arguments.kills - phases.total())
            killed = killed_run(root / "killed", world, at_most, straight[world], dice)
            print(f"{world}, killed while it did: {', '.join(killed) or 'nothing'}; same bits", flush=True)
            phases.update(killed)
        print(f"{phases.total()} kills ({dict(phases)}): every run ended with the bits of the straight one")
        for damage in (cut, flip, remove):
            broken_checkpoint(root / "broken", damage, straight[WORLDS[0]], dice)
            print(
                f"newest checkpoint damaged ({damage.__name__}): said, and the run ended with the same bits", flush=True
            )
        for world in WORLDS:
            print(full_disk(root / f"full {world}", world, straight[world]))
    return 0


def start(folder: Path, argument: str, num_processes: int) -> "subprocess.Popen[bytes]":
    """train.py on this many processes; what it says goes to out.txt."""
    flags = f"launch --multi_gpu --num_processes {num_processes} --num_machines 1 --main_process_port 0".split()
    command = [sys.executable, str(TRAIN)] if num_processes == 1 else [str(ACCELERATE), *flags, str(TRAIN)]
    layers = ["chaos.toml"] if argument.endswith(".toml") else []
    with (folder / "out.txt").open("a") as out:
        return subprocess.Popen(
            [*command, argument, *layers],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        )


def finish(folder: Path, argument: str, num_processes: int) -> int:
    """The exit code of a start that nobody disturbs."""
    process = start(folder, argument, num_processes)
    try:
        return process.wait(timeout=MAX_SECONDS)
    finally:
        kill_all(process)


def straight_run(folder: Path, world: World) -> str:
    """The digest of an undisturbed run."""
    place(folder, world)
    assert finish(folder, "tiny.toml", world.num_processes) == 0, (folder / "out.txt").read_text()
    return digest(the_run(folder))


def killed_run(folder: Path, world: World, num_kills: int, expected: str, dice: random.Random) -> list[str]:
    """What a run was doing at each kill; its end is compared."""
    place(folder, world)
    argument, killed = "tiny.toml", list[str]()
    while len(killed) < num_kills:
        process = start(folder, argument, world.num_processes)
        wait_until(lambda: told(folder) > len(killed), process)  # it has begun to train, or to evaluate
        time.sleep(dice.uniform(0.0, 0.3))
        aim, run = dice.choice(("trains", "saves", "evaluates")), the_run(folder)
        argument = str(run.relative_to(folder))
        wait_until(partial(is_doing, run, aim), process)
        if process.poll() is not None:  # through before its time
            break
        phase = doing(run)
        kill_all(process)
        killed.append(phase)
    assert finish(folder, argument, world.num_processes) == 0, (folder / "out.txt").read_text()
    assert digest(the_run(folder)) == expected, f"other bits after {killed}; see {folder}"
    shutil.rmtree(folder)
    return killed


def told(folder: Path) -> int:
    """How often the run of this folder has begun to train."""
    events = [path for path in (folder / "runs").glob("*/events.jsonl") if path.exists()]
    return sum(row["event"] in {"started", "resumed"} for path in events for row in rows(path))


def doing(run: Path) -> str:
    """What a run is at: `saves` while something half written lies there, `evaluates` likewise, or `trains`."""
    if list(run.glob("checkpoints/.*")):
        return "saves"
    return "evaluates" if list(run.glob("evals/*/.running_*")) else "trains"


def is_doing(run: Path, phase: str) -> bool:
    """Whether the run is at this now."""
    return doing(run) == phase


def broken_checkpoint(
    folder: Path, damage: Callable[[Path, random.Random], None], expected: str, dice: random.Random
) -> None:
    """A run that is started again with its newest checkpoint damaged says so and ends as if nothing had been."""
    place(folder, WORLDS[0])
    assert finish(folder, "tiny.toml", 1) == 0
    newest = max(the_run(folder).glob("checkpoints/step_*"))
    damage(newest / dice.choice(FILES), dice)
    assert finish(folder, str(the_run(folder).relative_to(folder)), 1) == 0, (folder / "out.txt").read_text()
    assert f"left out: runs/{newest.relative_to(folder / 'runs')}" in (folder / "out.txt").read_text()
    assert digest(the_run(folder)) == expected
    shutil.rmtree(folder)


def cut(path: Path, dice: random.Random) -> None:
    """Cuts a file short."""
    os.truncate(path, dice.randrange(path.stat().st_size))


def flip(path: Path, dice: random.Random) -> None:
    """Flips a bit that is not in a blank."""
    content = bytearray(path.read_bytes())
    at = dice.choice([at for at, byte in enumerate(content) if not chr(byte).isspace()])
    content[at] ^= 1
    path.write_bytes(content)


def remove(path: Path, _dice: random.Random) -> None:
    """Removes a file."""
    path.unlink()


def full_disk(folder: Path, world: World, expected: str) -> str:
    """A run whose disk fills up during a save says so in a line, and goes on when there is room; what was found."""
    if os.geteuid() != 0:
        return "full disk: skipped, since only root may mount a small one"
    place(folder, world)
    with small_disk(folder / "runs") as disk:
        if disk is None:
            return "full disk: skipped, since nothing can be mounted here"
        process = start(folder, "tiny.toml", world.num_processes)
        wait_until(lambda: list((folder / "runs").glob("*/checkpoints/step_*")), process)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for member in family:
            member.suspend()  # it must not be through before the disk is full
        fill(disk / "filler")
        for member in family:
            member.resume()
        code = process.wait(timeout=MAX_SECONDS)
        said = (folder / "out.txt").read_text()
        assert code == 1, (code, said)
        before, found, after = said.partition("no room to write")
        assert found, said
        if world.num_processes > 1:
            after = after.partition("torch/distributed/elastic/multiprocessing/api.py")[0]  # the launcher adds its own
        assert "Traceback" not in before + after, said
        (disk / "filler").unlink()
        run = the_run(folder)
        assert finish(folder, str(run.relative_to(folder)), world.num_processes) == 0, (folder / "out.txt").read_text()
        assert digest(run) == expected
    how = "said in a line with exit code 1, and the run went on to the same bits when there was room"
    return f"full disk, {world}: {how}"


def fill(path: Path) -> None:
    """Writes a file until there is no room for a block more."""
    with suppress(OSError), path.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


@contextmanager
def small_disk(path: Path) -> Iterator[Path | None]:
    """A file system of 100 MB at this place, or None where none can be mounted."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(path)], check=False, capture_output=True
    )
    try:
        yield path if mounted.returncode == 0 else None
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", str(path)], check=True)


def place(folder: Path, world: World) -> None:
    """Where a user stands: texts, tiny.toml, and the layer that saves and evaluates more often."""
    write_workplace(folder)
    (folder / "chaos.toml").write_text(CHAOS + world.layer)


def the_run(folder: Path) -> Path:
    """The only run there."""
    (path,) = (path for path in (folder / "runs").iterdir() if (path / "run.json").exists())
    return path


def digest(run: Path) -> str:
    """Of weights and optimizer state after the last step."""
    last = run / "checkpoints" / "step_00000040"
    if (last / SHARDS).is_dir():
        tensors = sorted(read_whole(last / SHARDS, "").items())
        content = [name.encode() + tensor.numpy().tobytes() for name, tensor in tensors]
    else:
        content = [(last / name).read_bytes() for name in FILES[1:]]
    return hashlib.sha256(b"".join(content)).hexdigest()


def wait_until(condition: Callable[[], object], process: "subprocess.Popen[bytes]") -> None:
    """Returns when the condition is true, or the process has ended."""
    until = time.monotonic() + MAX_SECONDS
    while not condition() and process.poll() is None:
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.001)


def kill_all(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL for a command and all that it started."""
    if process.poll() is None:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for member in family:
            member.kill()
        psutil.wait_procs(family, timeout=60)
    process.wait(timeout=60)


if __name__ == "__main__":
    sys.exit(main())
