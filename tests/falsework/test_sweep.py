"""A sweep: every point checked before a file is written, each an experiment of its own, nothing written twice."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from falsework import Config, ConfigError
from falsework.sweep import Sweep, swept_children
from tests.falsework import versions
from tests.falsework.numbers import naming
from tests.falsework.toy import BASE, load, write

HEAD = 'extends = "../01_base.toml"\nwhy = "which rate?"\n'


def load_files(files: Sequence[str]) -> Config:
    return load(*files)


def swept(text: str, *layers: str, head: str = HEAD) -> Sweep:
    file = write("configs/sweeps/rates.toml", head + text)
    return swept_children(file, layers, load=load_files, naming=naming())


def refused(text: str, *, head: str = HEAD) -> str:
    before = files()
    with pytest.raises(ConfigError) as caught:
        swept(text, head=head)
    assert files() == before, "nothing is written"
    return str(caught.value)


def files() -> list[str]:
    return sorted(file.name for file in Path("configs").glob("*.toml"))


@pytest.fixture(autouse=True)
def _root() -> None:
    write("configs/01_base.toml", BASE)


def test_a_grid_is_one_child_for_each_point_the_last_key_fastest() -> None:
    sweep = swept("[model]\ndim = { _sweep = [32, 64] }\n[optimizer]\nlr = { _sweep = [1e-4, 3e-4, 0.01] }\n")
    assert [child.file.stem for child in sweep.children] == [
        "01_dim_32_lr_0001_02",
        "01_dim_32_03",  # the rate is the parent's
        "01_dim_32_lr_01_04",
        "01_lr_0001_05",
        "01_base",  # the point that changes nothing is the parent
        "01_lr_01_06",
    ]
    assert [tuple(child.values.values()) for child in sweep.children][:4] == [
        (32, 0.0001),
        (32, 0.0003),
        (32, 0.01),
        (64, 0.0001),
    ]
    assert sweep.children[2].file.read_text() == (
        'extends = "01_base.toml"\nschema = 1\nwhy = "which rate? (sweep rates)"\n'
        "\n[model]\ndim = 32\n\n[optimizer]\nlr = 0.01\n"
    )
    config = load(str(sweep.children[2].file)).value
    assert (config.model.dim, config.optimizer.lr, config.model.num_layers) == (32, 0.01, 6)


def test_keys_of_one_table_of_a_list_go_together() -> None:
    text = """
        [model]
        _sweep = [{ dim = 32, num_heads = 2 }, { dim = 128, num_heads = 8 }]
        [optimizer]
        _sweep = [{ kind = "muon", lr = 0.02 }, { lr = { _sweep = [0.1, 0.2] } }]
    """
    names = [child.file.stem for child in swept(text.replace("        ", "")).children]
    assert names == [
        "01_dim_32_num_heads_2_lr_02_muon_02",
        "01_dim_32_num_heads_2_lr_1_03",
        "01_dim_32_num_heads_2_lr_2_04",
        "01_dim_128_num_heads_8_lr_02_muon_05",
        "01_dim_128_num_heads_8_lr_1_06",
        "01_dim_128_num_heads_8_lr_2_07",
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[train]\nshuffle = { _sweep = [true, false] }", ["01_base", "01_no_shuffle_02"]),
        ('note = { _sweep = ["a-B", "x 3"] }', ["01_note_a_b_02", "01_point_03"]),  # note_x_3 would claim a number
        ("[optimizer]\nlr = { _sweep = [2.5, 1e-20] }", ["01_lr_2_5_02", "01_lr_03"]),
        ("[optimizer]\nlr = { _sweep = [{ _expr = 'train.num_steps / 200' }, 1] }", ["01_lr_5_02", "01_lr_1_03"]),
        (
            "eval.a = { kind = 'completions', num_samples = { _sweep = [1, 2] } }\neval.b.kind = 'bits_per_byte'",
            [
                "01_num_samples_1_completions_bits_per_byte_02",
                "01_num_samples_2_completions_bits_per_byte_03",
            ],
        ),
    ],
)
def test_names_say_what_changes_or_claim_nothing(text: str, names: list[str]) -> None:
    assert [child.file.stem for child in swept(text).children] == names


def test_again_writes_nothing_new_and_a_longer_list_only_what_is_new() -> None:
    first = swept("[optimizer]\nlr = { _sweep = [0.1, 0.2] }")
    assert [child.is_new for child in first.children] == [True, True]
    again = swept("[optimizer]\nlr = { _sweep = [0.2, 0.3, 0.1] }")
    assert [(child.file.stem, child.is_new) for child in again.children] == [
        ("01_lr_2_03", False),
        ("01_lr_3_04", True),
        ("01_lr_1_02", False),
    ]


def test_a_child_is_known_by_its_values_and_not_by_its_name() -> None:
    text = "[optimizer]\nlr = { _sweep = [0.1, 0.2, 0.3] }"
    a, b, c = (child.file for child in swept(text).children)
    a.rename("configs/01_renamed_02.toml")
    b.write_text(b.read_text().replace("0.2", "0.25"))  # another experiment now
    c.unlink()
    write("configs/01_torn_09.toml", "extends = ")  # of a writer that was killed
    assert [(child.file.stem, child.is_new) for child in swept(text).children] == [
        ("01_renamed_02", False),
        ("01_lr_2_10", True),
        ("01_lr_3_11", True),
    ]
    assert "0.25" in b.read_text(), "what somebody wrote stays"


def test_children_follow_a_parent_that_changes() -> None:
    text = "[optimizer]\nlr = { _sweep = [0.0003, 0.1] }"
    assert [child.file.stem for child in swept(text).children] == ["01_base", "01_lr_1_02"]
    write("configs/01_base.toml", BASE.replace("3e-4", "2e-4"))
    assert [child.file.stem for child in swept(text).children] == ["01_lr_0003_03", "01_lr_1_02"]


def test_every_problem_is_told_once_at_its_place_in_the_sweep() -> None:
    said = refused("[optimizer]\nlrr = { _sweep = [1, 2] }\n[model]\nnothing = 3\ndim = { _sweep = [32, 64] }\n")
    assert "configs/sweeps/rates.toml:4:1: optimizer.lrr: unknown key" in said
    assert "rates.toml:6:1: model.nothing: unknown key" in said
    assert said.endswith("2 problems in 1 file; nothing was run")
    said = refused('[optimizer]\nlr = { _sweep = [0.1, "x", -1] }\n[model]\nnum_layers = { _sweep = [2, 3] }\n')
    assert 'rates.toml:4:23: optimizer.lr: expected a number, got the string "x"' in said
    assert "rates.toml:4:28: optimizer.lr: must be > 0" in said
    assert said.endswith("2 problems in 1 file; nothing was run")


def test_a_point_that_does_not_fit_its_parent_is_named() -> None:
    write("configs/01_base.toml", BASE + "    dim = 64\n    num_heads = 4\n")
    said = refused("[model]\nnum_heads = { _sweep = [4, 3] }\n")
    assert "configs/01_base.toml:10:7: model.dim: must be a multiple of num_heads = 3, got 64" in said
    assert "at the point model.num_heads = 3" in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[optimizer]\nlr = 0.1", "nothing is swept here"),
        ("[optimizer]\nlr = { _sweep = [] }", "rates.toml:4:17: optimizer.lr: expected a list of values, got an empty"),
        ("[optimizer]\nlr = { _sweep = 0.1 }", "expected a list of values, got the number 0.1"),
        (
            "[optimizer]\nlr = { _sweep = [0.1, 0.2, 1e-1] }",
            "rates.toml:4:28: optimizer.lr: with this value, a point is",
        ),
        ("_sweep = [1, 2]", "rates.toml:3:10: expected a list of tables"),
        ("_sweep = [1, 2]", "help: write _sweep = [{ seed = 1 }, { seed = 2 }]"),
        ("[train]\nseed = { _sweep = [1, 2] }\n_sweep = [{ seed = 3 }]", "train.seed: set twice"),
        (f"train.seed = {{ _sweep = {list(range(1001))} }}", "over 1,000 points"),
        ("".join(f"train.k{n} = {{ _sweep = {list(range(99))} }}\n" for n in range(20)), "over 1,000 points"),
        (f"note = {{ _sweep = ['{'x' * 100_000}'] }}", "over 100,000 characters"),
    ],
)
def test_a_list_that_is_none_is_refused(text: str, told: str) -> None:
    assert told in refused(text)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ('why = "?"\n', "a sweep extends one experiment"),
        ('extends = "../01_base.toml"\n', "a sweep says why"),
        ('extends = "../wide.toml"\nwhy = "?"\n', "wide: not a numbered experiment"),
        ('extends = "../02_none_03.toml"\nwhy = "?"\n', "configs/02_none_03.toml: no such file"),
    ],
)
def test_a_sweep_names_its_parent_and_says_why(head: str, told: str) -> None:
    assert told in refused("train.seed = { _sweep = [1, 2] }", head=head)


def test_a_mistyped_sweep_or_parent_is_answered_with_the_file_that_was_meant() -> None:
    file = write("configs/sweeps/rates.toml", 'extends = "../01_bsae.toml"\nwhy = "?"\nseed = { _sweep = [1, 2] }')
    for name, told in (
        (file, "did you mean configs/01_base.toml?"),
        ("configs/sweeps/ratse.toml", f"did you mean {file}?"),
    ):
        with pytest.raises(ConfigError) as caught:
            swept_children(name, [], load=load_files, naming=naming())
        assert told in str(caught.value)


def test_layers_have_to_fit_before_anything_is_written() -> None:
    write("wrong.toml", "train.sed = 3")
    with pytest.raises(ConfigError, match="did you mean seed"):
        swept("train.seed = { _sweep = [1, 2] }", "wrong.toml")
    write("some.toml", "[optimizer]\nlr = 0.1\nbetas = [0.5, 0.9]")
    with pytest.raises(ConfigError) as caught:
        swept("optimizer = { _sweep = [{ kind = 'adamw', lr = 0.2 }, { kind = 'muon', lr = 0.3 }] }", "some.toml")
    assert "some.toml:3:1: optimizer.betas: unknown key for kind muon" in str(caught.value)
    assert 'at the point optimizer.kind = "muon", optimizer.lr = 0.3' in str(caught.value)
    assert files() == ["01_base.toml"]


def test_a_sweep_is_no_experiment_and_says_where_it_belongs() -> None:
    file = write("configs/sweeps/rates.toml", HEAD + "[optimizer]\nlr = { _sweep = [0.1, 0.2] }")
    with pytest.raises(ConfigError, match="tools/sweep FILE writes one file for each"):
        load(file)


def test_a_sweep_of_an_older_schema_writes_children_of_that_one() -> None:
    def load_old(files: Sequence[str]) -> Config:
        return versions.load(*files)

    write("configs/01_base.toml", versions.OLD)
    head = 'extends = "../01_base.toml"\nschema = 1\nwhy = "how long?"\n'
    file = write("configs/sweeps/steps.toml", f"{head}[trainer]\nsteps = {{ _sweep = [200, 300] }}\n")
    first, again = (swept_children(file, [], load=load_old, naming=naming()).children for _ in range(2))
    assert [list(child.values.values()) for child in first] == [[200], [300]]
    assert "schema = 1\n" in first[0].file.read_text()
    assert versions.load(str(first[0].file)).value.train.num_steps == 200
    assert [child.file for child in again] == [child.file for child in first]


def test_of_two_at_once_one_writes() -> None:
    text = f"train.seed = {{ _sweep = {list(range(1, 9))} }}"
    write("configs/sweeps/rates.toml", HEAD + text)
    with ThreadPoolExecutor(4) as pool:
        sweeps = list(
            pool.map(
                lambda _: swept_children("configs/sweeps/rates.toml", [], load=load_files, naming=naming()), range(4)
            )
        )
    assert len(files()) == 1 + 8
    assert len({tuple(child.file for child in sweep.children) for sweep in sweeps}) == 1
    assert sum(child.is_new for sweep in sweeps for child in sweep.children) == 8


def _no_room() -> None:
    """Files may have no byte, which is what a full disk looks like to who writes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_on_a_full_disk_no_torn_child_is_left() -> None:
    write("configs/sweeps/rates.toml", HEAD + "train.seed = { _sweep = [1, 2] }")
    root = Path(__file__).parents[2]
    code = (
        "import os, tests.falsework.test_sweep as t\n"
        "from falsework import child\n"
        "write = child._write\n"
        "child._write = lambda *said: (t._no_room(), write(*said))\n"
        "t.swept_children('configs/sweeps/rates.toml', [], load=t.load_files, naming=t.naming())\n"
    )
    path = os.pathsep.join([str(root), str(root / "src")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert "cannot be written: File too large" in done.stderr
    assert sorted(path.name for path in Path("configs").iterdir()) == ["01_base.toml", "sweeps"]
