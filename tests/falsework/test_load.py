"""The pipeline as a whole: what it gives, what it never does, and how long it takes."""

import gc
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attrs import exceptions

from tests.falsework.toy import BASE, AdamW, Gpt, Run, Train, first_lines, load, on_base, write

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "accelerate", "numpy", "duckdb")
FOR_MISTAKES = ("failing", "hints", "leaks", "mismatch", "missing", "not_toml", "placed", "unreadable")


def test_the_value_is_a_frozen_object_of_the_root_class() -> None:
    value = on_base().value
    assert value == Run(train=Train(num_steps=100), optimizer=AdamW(lr=3e-4), model=Gpt(num_layers=6))
    with pytest.raises(exceptions.FrozenInstanceError):
        value.train.seed = 3


def test_a_config_its_stack_and_a_layer_are_themselves_alone_and_never_change() -> None:
    config = on_base()
    again = load(*(file.name for file in config.files))
    for one, other in ((config, again), (config.stack, again.stack), (config.files[0], again.files[0])):
        assert one != other
        assert len({one, other, one}) == 2
        with pytest.raises(AttributeError, match="never changes"):
            setattr(one, "other", 1)  # noqa: B010  # a type checker would stop the plain form
    with pytest.raises(AttributeError, match="never changes"):
        config.fingerprint = again.fingerprint


def test_schema_of_a_layer_is_at_most_this_codes() -> None:
    write("base.toml", "schema = 2\n" + BASE)
    assert load("base.toml", schema_version=2).toml().startswith("schema = 2\n")
    assert first_lines("base.toml") == ["base.toml:1:10: schema: written for schema 2, and this code knows up to 1"]


def test_loading_opens_the_listed_files_and_nothing_else_and_runs_nothing() -> None:
    write("base.toml", BASE)
    write("a.toml", "extends = \"base.toml\"\nnote = \"__import__('os').system('touch hit')\"\n")
    load("a.toml")  # the schema is compiled
    program = f"""
import sys
sys.path[:0] = {sys.path!r}
from tests.falsework.toy import load
load("a.toml")
seen = []
sys.addaudithook(lambda event, arguments: seen.append((event, arguments)))
load("a.toml")
print([str(arguments[0]) for event, arguments in seen if event == "open"])
odd = ("import", "exec", "compile", "os", "subprocess", "socket")
print([event for event, _ in seen if event.split(".")[0] in odd])
"""
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert output.splitlines() == ["['a.toml', 'base.toml']", "[]"]


def test_no_environment_variable_changes_a_config(monkeypatch: pytest.MonkeyPatch) -> None:
    before = on_base().fingerprint
    for name in ("NUM_STEPS", "train.num_steps", "FALSEWORK", "DEVICE"):
        monkeypatch.setenv(name, "3")
    assert on_base().fingerprint == before


def test_threads_do_not_meet() -> None:
    write("base.toml", BASE)
    names = [write(f"{number}.toml", f'extends = "base.toml"\ntrain.seed = {number}') for number in range(32)]
    with ThreadPoolExecutor(8) as pool:
        seeds = list(pool.map(lambda name: load(name).value.train.seed, names * 4))
    assert seeds == list(range(32)) * 4


def test_the_collector_works_again_after_loads_that_overlap_in_any_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_enabled_until_the_other_load_ends() -> bool:
        gc.enable()
        return False

    with monkeypatch.context() as patched:
        patched.setattr(gc, "isenabled", is_enabled_until_the_other_load_ends)
        on_base()
    assert gc.isenabled()


def test_nothing_heavy_is_imported() -> None:
    program = f"import sys, falsework; print([name for name in {HEAVY!r} if name in sys.modules])"
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert output.strip() == "[]"


def test_a_right_config_imports_nothing_that_only_a_mistake_needs_and_looks_for_no_place() -> None:
    write("base.toml", BASE)
    write("tied.toml", 'extends = "base.toml"\nmodel.dim = { _ref = "data.seq_len" }')
    write(
        "muon.toml",
        "train.seed = { _expr = 'model.dim // 8' }\noptimizer = { kind = 'muon', lr = { _ref = 'data.seq_len' } }",
    )
    write("debug.toml", "[model._when.gpt]\nnum_layers = 2\n[data]\nkind = 'python_source'\ntags = { _append = ['x'] }")
    program = (
        "import sys\n"
        "from falsework import load\n"
        "from tests.falsework.toy import KINDS, Run\n"
        "derived = {'model.max_positions': (('model.dim',), lambda dim: dim + 1)}\n"
        "files = ['tied.toml', 'muon.toml', 'debug.toml']\n"
        "config = load(files, root=Run, kinds=KINDS, derived=derived)\n"
        "print(config.value.model.max_positions, config.value.train.seed, config.value.data.tags)\n"
        f"print([name for name in {FOR_MISTAKES!r} if f'falsework.{{name}}' in sys.modules])\n"
        "print([layer.name for layer in config.files if 'places' in vars(layer)])"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    process = [sys.executable, "-c", program]
    done = subprocess.run(process, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path})
    assert done.stdout.splitlines() == ["129 16 ('python', 'x')", "[]", "[]"]


def test_the_story_of_a_value_is_told_in_order() -> None:
    write("base.toml", BASE)
    write("muon.toml", 'extends = "base.toml"\n[optimizer]\nkind = "muon"\nlr = 0.02')
    write("debug.toml", "[optimizer._when.adamw]\nlr = 0.5\n[optimizer._when.muon]\nlr = 0.1")
    events = [tuple(event) for event in load("muon.toml", "debug.toml").story("optimizer.lr")]
    assert events == [
        ("set", "base.toml:6:6", 3e-4, ""),
        ("dropped", "muon.toml:3:8", 3e-4, 'kind = "muon"'),
        ("set", "muon.toml:4:6", 0.02, ""),
        ("set", "debug.toml:4:6", 0.1, ""),
        ("not applied", "debug.toml:2:6", 0.5, "only for kind adamw"),
    ]


def test_the_story_names_ties_defaults_and_unset() -> None:
    config = on_base(
        "model.max_positions = { _ref = 'data.seq_len' }\nnote = 'x'\n[eval.a]\nkind = 'completions'",
        "note = { _unset = true }\neval.a = { _unset = true }",
    )
    assert config.story("model.max_positions")[-1][:3] == ("tied", "a.toml:1:23", 128)
    assert config.story("model.max_positions")[-1].note == "to data.seq_len"
    assert [event.word for event in config.story("train.seed")] == ["default"]
    assert [event[:2] for event in config.story("note")] == [("set", "a.toml:2:8"), ("dropped", "b.toml:1:19")]
    assert [event.word for event in config.story("eval.a.kind")] == ["set", "dropped"]
    assert config.story("no.such.key") == []


def test_origins_are_places_in_files_and_in_the_schemas_source() -> None:
    source = Path(str(sys.modules[Run.__module__].__file__)).read_text().splitlines()

    def written_at(place: str) -> str:
        assert place.startswith("default ")
        return source[int(place.rsplit(":", 1)[1]) - 1].strip()

    origins = on_base("log.every_steps = 3\nweights = {}").origins()
    assert origins["train.num_steps"] == "base.toml:3:13"
    assert origins["optimizer.kind"] == "base.toml:5:8"
    assert origins["log.every_steps"] == "a.toml:1:19"
    assert origins["weights"] == "a.toml:2:1"
    assert written_at(origins["train.seed"]) == "seed: int = field(metadata=SCIENCE, default=0)"
    assert (
        written_at(origins["data.seq_len"]) == "data: Data = field(metadata=SCIENCE, default=PythonSource(seq_len=128))"
    )
    assert written_at(origins["data.tags"]) == 'tags: tuple[str, ...] = field(metadata=SCIENCE, default=("python",))'
    assert written_at(origins["log.file"]) == 'file: Path = field(metadata=PLACE, default=Path("log.txt"))'


def test_default_places_below_the_current_directory_are_relative(monkeypatch: pytest.MonkeyPatch) -> None:
    config = on_base()
    file = Path(str(sys.modules[Run.__module__].__file__))
    monkeypatch.chdir(file.parent)
    assert config.origins()["train.seed"].startswith("default toy.py:")


def test_flat_names_every_value_by_its_dotted_path() -> None:
    flat = on_base('weights = { "a.b" = 1 }').flat()
    assert flat["optimizer.lr"] == 3e-4
    assert flat['weights."a.b"'] == 1.0
    assert flat["eval"] == {}
    assert "note" not in flat


def test_paths_may_be_path_objects() -> None:
    write("base.toml", BASE)
    arguments: Sequence[Any] = [Path("base.toml")]
    assert load(*arguments).name == "base"
    assert os.fspath(arguments[0]) == load(*arguments).files[0].name
