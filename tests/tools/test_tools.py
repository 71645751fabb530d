"""The tools as commands: help, exit codes, what goes where, and nothing heavy imported; few, as processes cost time."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.experiments import BASELINE, CHILD

ROOT = Path(__file__).parents[2]
CONFIG_TOOLS = ("explain", "diff_configs", "new_config", "check_configs", "flatten", "schema", "lineage", "upgrade")


def run(tool: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "tools" / tool), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    Path("configs/01_baseline.toml").write_text(BASELINE)
    Path("configs/01_lr_003_02.toml").write_text(CHILD)


@pytest.mark.parametrize("tool", [*CONFIG_TOOLS, "study"])
def test_help_has_an_example(tool: str) -> None:
    told = run(tool, "--help")
    assert (told.returncode, told.stderr) == (0, "")
    assert f"tools/{tool}" in told.stdout.partition("Example")[2]
    assert run(tool, "--no-such-option").returncode == 2
    assert os.access(ROOT / "tools" / tool, os.X_OK)


def test_explain_tells_one_value_or_all() -> None:
    told = run("explain", "configs/01_lr_003_02.toml", "optimizer.lr")
    assert (told.returncode, told.stderr) == (0, "")
    assert "overridden  configs/01_baseline.toml:19:6   0.001" in told.stdout
    everything = run("explain", "configs/01_lr_003_02.toml")
    assert "model.max_positions" in everything.stdout
    assert "1,228,800" in everything.stdout  # 600 steps of 16 times 128 bytes
    sums = json.loads(run("explain", "configs/01_lr_003_02.toml", "--format", "json").stdout)["run"]
    assert sums["parameters"]["value"] == 2 * 256 * 128 + 4 * 12 * 128 * 128  # the usual 12 d^2 a layer
    trouble = run("explain", "configs/01_lr_003_02.toml", "optimizer.rl")
    assert (trouble.returncode, trouble.stdout) == (2, "")
    assert "did you mean optimizer.lr?" in trouble.stderr


def test_a_layer_beside_its_file_is_to_be_joined() -> None:
    beside = run("eject", "configs/01_baseline.toml", "configs/profiles/debug.toml")
    assert (beside.returncode, beside.stdout) == (2, "")
    assert beside.stderr.endswith("; a layer is joined to its file: FILE+LAYER\n")


def test_new_configs_at_once_get_numbers_of_their_own() -> None:
    tool = [sys.executable, str(ROOT / "tools" / "new_config"), "1"]
    started = [
        subprocess.Popen([*tool, f"seed_{seed}", f"seed={seed}", "--why", "luck?"], stdout=subprocess.PIPE, text=True)
        for seed in (2, 3, 4)
    ]
    told = [process.communicate()[0].splitlines() for process in started]
    files = {lines[0] for lines in told}
    assert {name.rpartition("_")[2] for name in files} == {"03.toml", "04.toml", "05.toml"}
    assert {lines[-1] for lines in told} == {f"next: accelerate launch train.py {file}" for file in files}
    assert sorted(map(str, Path("configs").glob("*_0[345].toml"))) == sorted(files)
    assert run("check_configs").returncode == 0
    refused = run("new_config", "1", "lr_1", "optimizer.lr=high", "--why", "?")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "optimizer.lr: expected a number" in refused.stderr


def test_check_configs_says_right_wrong_or_trouble() -> None:
    right = run("check_configs", "configs")
    assert (right.returncode, right.stderr) == (0, "")
    assert right.stdout == "0 errors, 0 warnings in 2 experiments, each alone and with 0 profiles\n"
    Path("configs/01_lr_01_03.toml").write_text(CHILD)
    wrong = run("check_configs", "--format", "json")
    assert (wrong.returncode, wrong.stderr) == (1, "")
    assert [finding["rule"] for finding in json.loads(wrong.stdout)["findings"]] == ["names"]
    assert run("check_configs", "gone").returncode == 2


def test_flatten_prints_a_file_that_stands_alone() -> None:
    told = run("flatten", "configs/01_lr_003_02.toml")
    assert told.returncode == 0
    Path("flat.toml").write_text(told.stdout)
    Path("configs/01_baseline.toml").unlink()
    assert run("flatten", "flat.toml").returncode == 0
    assert "extends" not in told.stdout
    resolved = run("flatten", "flat.toml", "--resolved").stdout
    assert "_ref" not in resolved
    assert "held_out_fraction" in resolved


def test_lineage_is_text_or_a_picture() -> None:
    assert run("lineage").stdout == "01 baseline\n└─ 02 lr_003  optimizer.lr 0.001 -> 0.003\n"
    picture = ET.fromstring(run("lineage", "--format", "svg").stdout)  # noqa: S314  # our own output
    texts = ["".join(text.itertext()) for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["01 baseline", "02 lr_003optimizer.lr 0.001 -> 0.003"]
    [_, child] = json.loads(run("lineage", "--format", "json").stdout)
    assert (child["parent"], child["changes"]) == (1, ["optimizer.lr 0.001 -> 0.003"])
    assert run("lineage", "gone").returncode == 2


def test_what_is_made_from_the_schema_is_fresh() -> None:
    told = run("schema", "--check")
    assert (told.returncode, told.stdout) == (
        0,
        "configs/.schema.json, docs/fields.md, bindings/schema.lock.toml: fresh\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "configs/01_lr_003_02.toml"),
        ("check_configs",),
        ("lineage", "--format", "svg"),
        ("schema", "--check"),
        ("new_config", "1", "seed_2", "seed=2", "--why", "luck?"),
    ],
)
def test_no_config_tool_imports_anything_heavy(arguments: tuple[str, ...]) -> None:
    tool = ROOT / "tools" / arguments[0]
    program = (
        "import os, runpy, sys\n"
        "leave = os._exit\n"
        "def said(code):\n"
        "    heavy = ('torch', 'accelerate', 'numpy', 'duckdb', 'rich')\n"
        "    print([name for name in heavy if name in sys.modules], flush=True)\n"
        "    leave(0)\n"
        "os._exit = said\n"
        f"sys.argv = {[str(tool), *arguments[1:]]!r}\n"
        f"sys.path.insert(0, {str(tool.parent)!r})\n"
        f"runpy.run_path({str(tool)!r}, run_name='__main__')\n"
    )
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert told.stdout.splitlines()[-1] == "[]"


def test_upgrade_rewrites_all_files_or_none() -> None:
    Path("configs/old.toml").write_text(old := "schema = 1\n")
    Path("configs/wrong.toml").write_text("schema = 1\nno_such = 1\n")
    told = run("upgrade", "configs/old.toml", "configs/wrong.toml", "configs/none.toml")
    assert (told.returncode, told.stdout) == (2, "")
    assert "wrong.toml:2:1" in told.stderr
    assert "none.toml" in told.stderr
    assert Path("configs/old.toml").read_text() == old
    assert run("upgrade", "configs/old.toml").returncode == 0
    assert Path("configs/old.toml").read_text() != old


def test_upgrade_leaves_current_files_alone_and_shows_mistakes() -> None:
    told = run("upgrade", "configs/01_baseline.toml", "configs/01_lr_003_02.toml")
    assert (told.returncode, told.stdout, told.stderr) == (0, "0 of 2 rewritten\n", "")
    assert Path("configs/01_baseline.toml").read_text() == BASELINE
    Path("configs/newer.toml").write_text("schema = 999\n")
    told = run("upgrade", "configs/newer.toml")
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("configs/newer.toml:1:10: schema: written for schema 999")
