"""No file runs code, and no file makes a tool say anything but its answer or a located error.

The attacks are those that have worked on config systems of this field: a value that names a callable, an import path, a
class to build, an environment variable, a resolver, a template, a pickle; each as a user of that system would write it.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.experiments import BASELINE

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
TOUCH = "__import__('os').system('touch hit')"

ATTACKS = {
    "a target to call": '[model]\n_target_ = "os.system"\ncommand = "touch hit"',
    "a target behind an alias": '[model]\n_target_ = "logging.os.system"\n_args_ = ["touch hit"]',
    "a method that writes": '[log]\n_target_ = "pathlib.Path.write_text"\ndata = "x"',
    "a partial target": '[optimizer]\n_partial_ = true\n_target_ = "evil.Foo"',
    "a kind that is an import path": '[optimizer]\nkind = "evil.Foo"\nlr = 0.1',
    "a kind with a colon": '[optimizer]\nkind = "os:system"\nlr = 0.1',
    "a class path": '[model]\nclass_path = "evil.Foo"\n[model.init_args]\nx = 1',
    "a qualified name": '[model]\n__qualname__ = "os:system"\n__args__ = ["touch hit"]',
    "a python reference": '[model]\npyref = { module = "os", name = "system" }',
    "an import statement": 'import = "evil"\nseed = 1',
    "custom imports": '[custom_imports]\nimports = ["evil"]\nallow_failed_imports = false',
    "a registered name": '[optimizer]\n"@optimizers" = "evil.v1"\nlr = 0.1',
    "a plugin": 'plugins = ["evil"]',
    "a method of a kind": '[optimizer]\nkind = "__class__"\nlr = 0.1',
    "a dunder key": '[train]\n__class__ = "os.system"\n__init__ = 1\n__reduce__ = ["os.system", "touch hit"]',
    "a pickle": "[train]\nstate = \"!!python/object/apply:os.system ['touch hit']\"",
    "an interpolation": '[train]\nnum_steps = "${eval:' + TOUCH + '}"',
    "an environment variable": '[train]\nnum_steps = "${oc.env:HOME}"\ndevice = "$HOME"',
    "a template": '[train]\nnum_steps = "{{ ' + TOUCH + ' }}"',
    "a formula that calls": f'[train]\nnum_steps = {{ _expr = "{TOUCH}" }}',
    "a formula with attributes": '[train]\nnum_steps = { _expr = "().__class__.__base__" }',
    "a formula with an index": '[train]\nnum_steps = { _expr = "[1][0]" }',
    "a formula with a lambda": '[train]\nnum_steps = { _expr = "(lambda: 1)()" }',
    "a formula that never ends": '[train]\nnum_steps = { _expr = "9**9**9**9" }',
    "a formula in an f-string": "[train]\nnum_steps = { _expr = \"f'{1}'\" }",
    "a tie to an attribute": '[train]\nnum_steps = { _ref = "__class__.__init__" }',
    "a tie to a file": '[train]\nnum_steps = { _ref = "/etc/passwd" }',
    "an unknown directive": f'[train]\nnum_steps = {{ _eval = "{TOUCH}" }}',
    "a call directive": '[model]\n_call = "os.system"',
    "a secret in the place of its name": '[train]\ndevice = { _env = "HOME" }',
    "a base that is a device": 'extends = "/dev/zero"',
    "a base that is a program": 'extends = "evil.py"',
    "a base that is an address": 'extends = "https://example.org/evil.toml"',
    "a base that is secret": 'extends = "/etc/shadow"',
}

PROGRAM = """
import importlib, pkgutil, sys
sys.path[:0] = [ROOT, ROOT + "/src"]
import falsework
from bindings import SCHEMA
from falsework import ConfigError, load
for module in pkgutil.iter_modules(falsework.__path__):  # whatever a mistake needs
    importlib.import_module(f"falsework.{module.name}")
try:
    load(["broken.toml"], **SCHEMA)  # and what these import when they are asked
except ConfigError as error:
    str(error)
seen = []
odd = ("import", "exec", "compile", "marshal", "pickle", "ctypes", "os", "subprocess", "socket", "shutil", "urllib")
def hook(event, arguments):
    if event == "open":
        seen.append(f"open {arguments[0]}")
    elif event.partition(".")[0] in odd:
        seen.append(f"{event} {arguments[:1]}")
sys.addaudithook(hook)
told = {}
for name in FILES:
    seen.clear()
    try:
        load([name], **SCHEMA)
        report = ""
    except ConfigError as error:
        report = str(error)
    told[name] = report, list(seen)
import json
print(json.dumps(told))
"""


def test_attacks_end_in_located_errors_and_open_nothing_but_the_layers(tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("open('hit', 'w')\n")
    for config in CONFIGS.glob("[0-9]*.toml"):
        (tmp_path / config.name).write_bytes(config.read_bytes())
    (tmp_path / "01_baseline.toml").write_text(BASELINE)
    wrong = "seeed = 1\noptimizer.kind = 'x'\ntrain.num_steps = { _ref = 'a' }\nmodel.width = { _expr = '1 +' }\n"
    (tmp_path / "broken.toml").write_text(f'extends = "01_baseline.toml"\n{wrong}')
    files = {}
    for number, (what, text) in enumerate(ATTACKS.items()):
        is_base = text.startswith("extends")
        file = tmp_path / f"attack_{number}.toml"
        file.write_text(text if is_base else f'extends = "01_baseline.toml"\n{text}')
        files[file.name] = what
    program = PROGRAM.replace("ROOT", repr(str(ROOT))).replace("FILES", repr(list(files)))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    told = json.loads(done.stdout)
    assert told.keys() == files.keys()
    for name, (report, seen) in told.items():
        assert re.match(rf"{name}:\d+:\d+: ", report), (files[name], report)
        assert report.endswith("nothing was run")
        layers = {f"open {name}", "open 01_baseline.toml"}
        listings = {event for event in seen if event.startswith(("os.listdir", "os.scandir"))}  # for "did you mean"
        assert set(seen) - listings <= layers, files[name]
    assert not (tmp_path / "hit").exists()


ENTRIES = """
import io, json, runpy, sys, time
from contextlib import redirect_stderr, redirect_stdout
sys.path[:0] = [TOOLS]
import _start
mains = {name: runpy.run_path(f"{TOOLS}/{name}")["main"] for name in NAMES}
from falsework import ConfigError
told = []
for file, *commands in JOBS:
    for name, *arguments in commands:
        out, start = io.StringIO(), time.process_time()
        try:
            with redirect_stdout(out):
                code = mains[name](arguments)
        except ConfigError as error:
            code = 2
            assert str(error).endswith("nothing was run")
        told.append((file, name, code, time.process_time() - start))
print(json.dumps(told))
"""


def entered(jobs: list[Any], folder: Path) -> list[tuple[str, str, int, float]]:
    """Every command of the jobs through its tool's `main`, in one process: file, tool, exit code, seconds."""
    names = {command[0] for _, *commands in jobs for command in commands}
    program = ENTRIES.replace("TOOLS", repr(str(ROOT / "tools"))).replace("JOBS", repr(jobs))
    done = subprocess.run(
        [sys.executable, "-c", program.replace("NAMES", repr(names))],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows: list[tuple[str, str, int, float]] = json.loads(done.stdout)
    return rows


NOTHING = ["", "\0", "a" * 300, "a" * 5000, "/dev/stdin", "+", "++a.toml+", "HEAD:", "nothing:x.toml", "."]
TOOLS = ["explain", "diff_configs", "flatten", "eject", "upgrade", "check_configs", "lineage"]


def test_arguments_that_mean_nothing_are_one_error(tmp_path: Path) -> None:
    jobs = [["", *([tool, *[argument] * (1 + (tool == "diff_configs"))] for argument in NOTHING)] for tool in TOOLS]
    told = entered(jobs, tmp_path)
    assert len(told) == len(NOTHING) * len(TOOLS)
    assert [row for row in told if row[2] != 2] == []
