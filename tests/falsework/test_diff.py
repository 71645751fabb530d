"""What differs after resolution, in all four forms, and the tool that prints it."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given, settings

from falsework.diff import delta, differences, report
from tests.falsework.test_dump import as_layer, runs
from tests.falsework.toy import BASE, Run, load, on_base, write

TOOL = Path(__file__).parents[2] / "tools" / "diff_configs"
BASELINE = TOOL.parents[1] / "configs" / "01_baseline.toml"


def test_only_what_differs_is_shown_with_both_values_and_both_places() -> None:
    write("base.toml", BASE)
    write("b.toml", "[train]\nseed = 7\nnum_steps = 100\n")
    [row, count] = report(load("base.toml"), load("base.toml", "b.toml"), "text").splitlines()
    assert row.startswith("train.seed  0 -> 7  default ")
    assert row.endswith(" -> b.toml:2:8")
    assert count == "1 difference"
    write("c.toml", 'model.num_layers = 12\nnote = "x"\n')
    assert report(load("base.toml"), load("base.toml", "c.toml"), "text") == (
        "model.num_layers  6         -> 12   base.toml:9:14 -> c.toml:1:20\n"
        'note              (not set) -> "x"  c.toml:2:8\n'
        "2 differences\n"
    )


def test_equal_configs_have_no_differences() -> None:
    assert report(on_base(), on_base("train.seed = 0"), "text") == "no differences\n"
    assert report(on_base("weights.x = nan"), on_base("weights.x = nan"), "text") == "no differences\n"


def test_another_kind_is_one_row() -> None:
    write("base.toml", BASE)
    write("b.toml", '[optimizer]\nkind = "muon"\nlr = 0.02')
    assert report(load("base.toml"), load("base.toml", "b.toml"), "text") == (
        "optimizer  kind adamw -> kind muon  (lr 0.0003 -> 0.02, -betas [0.9, 0.95], -weight_decay 0.1, +momentum 0.95)"
        "  base.toml:5:8 -> b.toml:2:8\n"
        "1 difference\n"
    )


def test_a_component_that_only_one_side_has_is_one_row() -> None:
    write("base.toml", BASE)
    write("b.toml", '[eval.x]\nkind = "bits_per_byte"')
    assert report(load("base.toml"), load("base.toml", "b.toml"), "text") == (
        "eval.x  (not set) -> kind bits_per_byte  (+max_bytes 1000)  b.toml:2:8\n1 difference\n"
    )


def test_a_tied_value_says_so() -> None:
    write("base.toml", BASE + "    max_positions = { _ref = 'data.seq_len' }")
    write("b.toml", "[data]\nkind = 'python_source'\nseq_len = 7")
    first = report(load("base.toml"), load("base.toml", "b.toml"), "text").splitlines()[0]
    assert first.endswith("128 -> 7  base.toml:10:17 (tied to data.seq_len)")


def test_long_values_are_shown_where_they_part() -> None:
    first, second = on_base(f'note = "{"a" * 500}x{"c" * 500}"'), on_base(f'note = "{"a" * 500}y"')
    line = report(first, second, "text").splitlines()[0]
    assert "ax" in line
    assert 'ay"' in line
    assert len(line) < 300


def test_json_is_for_scripts() -> None:
    a = on_base("weights = { x = inf }")
    write("b.toml", '[optimizer]\nkind = "muon"\nlr = 0.02\n[weights]\nx = 1')
    found = json.loads(report(a, load("base.toml", "b.toml"), "json"))
    assert [row["path"] for row in found["differences"]] == ["optimizer", "weights.x"]
    assert found["differences"][1] == {
        "path": "weights.x", "a": "inf", "b": 1.0, "a_place": "a.toml:1:17", "b_place": "b.toml:5:5",
    }  # fmt: skip
    assert [row["path"] for row in found["differences"][0]["folded"]][-1] == "optimizer.momentum"


def test_markdown_is_a_table() -> None:
    write("base.toml", BASE)
    write("b.toml", 'note = "a|b"')
    assert report(load("base.toml"), load("base.toml", "b.toml"), "markdown") == (
        '| setting | base | base+b | set in |\n|--|--|--|--|\n| `note` | `(not set)` | `"a\\|b"` | b.toml:1:8 |\n'
    )


@settings(max_examples=100, deadline=None)
@given(runs, runs)
def test_the_toml_form_is_a_layer_that_turns_a_into_b(left: Run, right: Run) -> None:
    Path("a.toml").write_text(tomli_w.dumps(as_layer(left)), encoding="utf-8", newline="")
    Path("b.toml").write_text(tomli_w.dumps(as_layer(right)), encoding="utf-8", newline="")
    a, b = load("a.toml"), load("b.toml")
    text = report(a, b, "toml")
    assert tomllib.loads(text) == delta(a, b)
    Path("delta.toml").write_text(text, encoding="utf-8", newline="")
    assert load("a.toml", "delta.toml").value == right
    assert bool(differences(a, b)) == (left != right)


def test_the_toml_form_reaches_what_only_defaults_said() -> None:
    a, b = (
        on_base(),
        on_base("[data]\nkind = 'python_source'\nseq_len = 9\n[eval.x]\nkind = 'completions'\n[log]\nevery_steps = 2"),
    )
    write("delta.toml", report(a, b, "toml"))
    assert load("base.toml", "delta.toml").value == b.value


def run_tool(*arguments: str, python: str = sys.executable) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([python, str(TOOL), *arguments], check=False, capture_output=True, text=True)


def test_the_tool_says_same_differ_or_trouble_by_its_exit_code() -> None:
    write("debug.toml", "log.every_steps = 3")
    same = run_tool(str(BASELINE), str(BASELINE))
    assert (same.returncode, same.stdout, same.stderr) == (0, "no differences\n", "")
    differ = run_tool(str(BASELINE), f"{BASELINE}+debug.toml")
    assert (differ.returncode, differ.stderr) == (1, "")
    assert "-> debug.toml:1:19\n1 difference\n" in differ.stdout
    trouble = run_tool(str(BASELINE), "gone.toml")
    assert (trouble.returncode, trouble.stdout) == (2, "")
    assert "gone.toml: no such file" in trouble.stderr
    assert run_tool(str(BASELINE)).returncode == 2
    assert "Example" in run_tool("--help").stdout


@pytest.mark.parametrize("form", ["text", "json", "toml", "markdown"])
def test_the_tool_prints_every_form(form: str) -> None:
    write("debug.toml", "log.every_steps = 3")
    assert "every_steps" in run_tool(str(BASELINE), f"{BASELINE}+debug.toml", "--format", form).stdout


def test_the_tool_imports_nothing_heavy() -> None:
    program = (
        "import os, runpy, sys\n"
        "leave = os._exit\n"
        "def said(code):\n"
        "    heavy = ('torch', 'accelerate', 'numpy', 'duckdb', 'rich')\n"
        "    print([name for name in heavy if name in sys.modules], flush=True)\n"
        "    leave(0)\n"
        "os._exit = said\n"
        f"sys.argv = ['diff_configs', {str(BASELINE)!r}, {str(BASELINE)!r}]\n"
        f"sys.path.insert(0, {str(TOOL.parent)!r})\n"
        f"runpy.run_path({str(TOOL)!r}, run_name='__main__')\n"
    )
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert output == "no differences\n[]\n"


def test_the_tool_ends_quietly_when_its_reader_does() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, str(TOOL), str(BASELINE), str(BASELINE)]
    ended = subprocess.run(command, check=False, stdout=write_end, stderr=subprocess.PIPE, text=True)
    os.close(write_end)
    assert ended.stderr == ""
