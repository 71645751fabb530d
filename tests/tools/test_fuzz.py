"""Every config tool on broken configs, broken folders and odd arguments: an answer or an error, never more.

In one process, through each tool's own `main`. Other draws: --hypothesis-seed=N; twenty times as many:
--hypothesis-profile=thorough.
"""

import gc
import io
import re
import runpy
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bindings import SCHEMA
from falsework import ConfigError, load
from tests.experiments import BASELINE, CHILD, SWEEP

ROOT = Path(__file__).parents[2]
FILES = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in sorted((ROOT / "configs").rglob("*.toml"))}
FILES |= {"configs/01_baseline.toml": BASELINE.encode(), "configs/01_lr_003_02.toml": CHILD.encode()}
LOCK = (ROOT / "bindings" / "schema.lock.toml").read_bytes()
NUM_EXAMPLES = settings().max_examples
FEW, SOME = NUM_EXAMPLES // 10, NUM_EXAMPLES // 4
MAX_SECONDS = 5
randoms = st.integers(0, 2**64).map(Random)

TOKEN = re.compile(rb"\"[^\"\n]*\"|[\w.+-]+|[ \t]+|\n|.", re.DOTALL)
STRANGE = [
    *b"_ref _expr _append _unset _when _every kind schema extends why nan inf 1e999 -1 0 0x7f true None".split(),
    *b"""1979-05-27 07:32:00 [[ ]] { } [ ] = . , \\ " \"" # "22_lr_001_23.toml" "../configs" \'\'\'""".split(),
    *(b"9" * 25, b"\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xae"),
    *(b'{ _ref = "optimizer.lr" }', b'{ _expr = "1 // 0" }'),
]
WORDS = [
    "",
    " ",
    "\0",
    "a" * 300,
    "\udcff",
    "configs",
    ".",
    "..",
    "/",
    "/dev/null",
    "+",
    ":",
    "HEAD:",
    "-",
    "--",
    "=",
    "é\u202e",
]

Main = Callable[[list[str]], int]


def mains() -> dict[str, Main]:
    """The `main` of every config tool, as the tool itself would find it."""
    sys.path.insert(0, str(ROOT / "tools"))
    names = (
        "explain",
        "diff_configs",
        "new_config",
        "check_configs",
        "flatten",
        "schema",
        "lineage",
        "upgrade",
        "eject",
        "sweep",
    )
    import_module("_toml_sweep")  # which sweep finds when it is asked
    found = {name: runpy.run_path(str(ROOT / "tools" / name))["main"] for name in (*names, "strike")}
    sys.path.remove(str(ROOT / "tools"))
    gc.enable()  # a tool does without, a test run does not
    return found


MAINS = mains()


def answer(tool: str, *arguments: str) -> int:
    """The exit code, after everything that must hold for it has been looked at."""
    before, out, start = tree_of(Path()), io.StringIO(), time.process_time()
    try:
        with redirect_stdout(out), redirect_stderr(out):
            code = MAINS[tool](list(arguments))
    except ConfigError as error:
        code = 2
        assert re.search(r"problems? in \d+ files?; nothing was run$", str(error))  # noqa: PT017 - of any call
        str(error).encode("utf-8", "surrogateescape" if "\udcff" in "".join(arguments) else "strict")
    except SystemExit as stop:  # argparse
        assert stop.code == 2, arguments  # noqa: PT017 - as above
        code = 2
    assert code in (0, 1, 2)
    assert time.process_time() - start < MAX_SECONDS, (tool, arguments)
    after = tree_of(Path())
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert not changed or (code == 0 and tool in ("new_config", "sweep", "upgrade", "schema", "strike")), (
        tool,
        changed,
    )
    assert not any(Path(name).name.startswith(".") and name != "configs/.schema.json" for name in changed)
    return code


def tree_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def project(random: Random, num_broken: int) -> Iterator[list[str]]:
    """A folder with the configs of this project, of which some are broken; yields the names of these."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        kept = ["configs/01_baseline.toml", "configs/01_lr_003_02.toml", "configs/profiles/cpu_debug.toml"]
        broken = random.sample(sorted(FILES), num_broken)
        for name in [*kept, *broken]:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(mutated(random, FILES[name]) if name in broken else FILES[name])
        yield broken


def mutated(random: Random, data: bytes) -> bytes:
    """The file with some words gone, said twice, swapped or replaced; now and then, bytes that are no file at all."""
    if random.random() < 0.05:
        return random.randbytes(random.randrange(80))
    tokens = TOKEN.findall(data)
    for _ in range(random.choice((1, 1, 2, 4, 12))):
        at, other = random.randrange(len(tokens)), random.randrange(len(tokens))
        match random.randrange(6):
            case 0:
                tokens[at] = b""
            case 1:
                tokens[at] += tokens[at]
            case 2:
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case 3:
                tokens[at] = random.choice(STRANGE)
            case 4:
                tokens[at] = random.choice(TOKEN.findall(FILES[random.choice(sorted(FILES))]))
            case 5:
                tokens[at:at] = tokens[min(at, other) : max(at, other)][:40]
    return b"".join(tokens)


def word(random: Random) -> str:
    """Something to type: a strange word, a name of the schema, or characters of a formula, a key, a path."""
    names = [
        "optimizer.lr",
        "seed",
        "model",
        "eval.completions.prompts",
        "train.num_steps",
        "data.paths[0]",
        "optimizer.kind",
    ]
    letters = "".join(random.choice("ab.=[]{}\"'\\\n #1-+:/_") for _ in range(random.randrange(12)))
    return random.choice([random.choice(WORDS), random.choice(names), letters])


@settings(max_examples=SOME)
@given(randoms)
def test_a_broken_config_is_an_error_of_every_tool_that_reads_it(random: Random) -> None:
    with project(random, 1) as (broken,):
        base = "configs/01_lr_003_02.toml"
        argument = random.choice([broken, f"{base}+{broken}", f"{broken}+configs/profiles/cpu_debug.toml"])
        form = random.choice(["text", "json", "toml", "markdown"])
        codes = {
            answer("explain", argument),
            answer("flatten", argument, *random.choice([[], ["--resolved"]])),
            answer("eject", argument),
            2 if answer("diff_configs", base, argument, "--format", form) == 2 else 0,
        }
        assert len(codes) == 1, "all read the same config"
        answer("explain", argument, word(random))
        answer("upgrade", *random.choice([[], ["--check"]]), broken)
        Path("config.toml").write_text(Path(broken).read_text("latin-1"), encoding="utf-8")
        Path("run.json").write_text("{}", encoding="utf-8")
        answer("diff_configs", ".", base)


@settings(max_examples=FEW)
@given(randoms)
def test_a_broken_sweep_is_an_error_that_writes_nothing(random: Random) -> None:
    with project(random, 0):
        Path("configs/sweeps").mkdir()
        Path("configs/sweeps/a.toml").write_bytes(mutated(random, SWEEP.encode()))
        answer("sweep", "configs/sweeps/a.toml")
        answer("sweep", f"configs/sweeps/a.toml+{word(random)}", "--todo")


@settings(max_examples=FEW)
@given(randoms)
def test_a_folder_with_broken_configs_is_told_about_and_left_as_it_was(random: Random) -> None:
    with project(random, 2):
        answer("check_configs", *random.choice([[], ["--format", "json"]]))
        answer("lineage", "--format", random.choice(["text", "svg", "json"]))
        setting = random.choice(["optimizer.lr=0.01", f"{word(random)}={word(random)}"])
        if answer("new_config", random.choice(["1", "2", "22"]), "tried", setting, "--why", "?") == 0:
            (new,) = Path("configs").glob("*_tried_*.toml")
            load([new], **SCHEMA)


@settings(max_examples=SOME)
@given(randoms)
def test_arguments_that_nobody_types_are_an_error(random: Random) -> None:
    with project(random, 0):
        for tool in MAINS:
            if tool not in ("schema", "strike"):
                answer(tool, *(word(random) for _ in range(random.randrange(4))))
        answer("explain", "configs/01_baseline.toml", word(random))
        why = ["--why", word(random)] if random.random() < 0.9 else []
        options = ["--dir", word(random)] if random.random() < 0.2 else []
        answer("new_config", word(random), word(random), word(random), *why, *options)
        answer("new_config", "1", random.choice(["tried", word(random)]), f"{word(random)}={word(random)}", *why)


@settings(max_examples=FEW)
@given(randoms)
def test_a_broken_lock_is_told_about_and_left_as_it_was(random: Random) -> None:
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for name in ("configs", "docs", "bindings"):
            Path(name).mkdir()
        Path("bindings/schema.lock.toml").write_bytes(mutated(random, LOCK))
        MAINS["schema"].__globals__["PROJECT"] = Path(folder)
        answer("schema", *random.choice([[], ["--check"]]))
        assert Path("bindings/schema.lock.toml").read_bytes() != b""


@settings(max_examples=FEW)
@given(randoms)
def test_a_project_with_a_broken_config_is_struck_whole_or_not_at_all(random: Random) -> None:
    with tempfile.TemporaryDirectory() as above, project(random, 1):
        for name in ("train.py", "tools/_start.py", "tools/struck_train.py", "tools/struck_start.py"):
            Path(name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, name)
        MAINS["strike"].__globals__["PROJECT"] = Path.cwd()
        target = Path(above, "struck")
        code = answer("strike", str(target))
        assert target.exists() == (code == 0)
        for odd in (word(random), "configs", "new/below"):
            assert answer("strike", odd) == 2
