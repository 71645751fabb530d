"""Which files apply, in which order, and what is said about one that cannot be had."""

from pathlib import Path

import pytest

from falsework import ConfigError, load, split_argument
from falsework.layers import MAX_LAYERS, read_stack
from tests.falsework.toy import BASE, KINDS, Run, first_lines, problems, write
from tests.falsework.toy import load as load_toy


def names(*arguments: str) -> list[str]:
    return [layer.name for layer in read_stack(arguments).layers]


def test_bases_come_left_to_right_then_the_file_then_the_next_argument() -> None:
    write("c/root.toml", "")
    write("c/left.toml", 'extends = "root.toml"')
    write("c/right.toml", "")
    write("c/child.toml", 'extends = ["left.toml", "right.toml"]')
    write("c/profiles/debug.toml", 'extends = "../right.toml"')
    expected = ["c/root.toml", "c/left.toml", "c/right.toml", "c/child.toml", "c/right.toml", "c/profiles/debug.toml"]
    assert names("c/child.toml", "c/profiles/debug.toml") == expected


def test_a_profile_is_no_experiment_to_lay_others_on() -> None:
    write("c/profiles/debug.toml", "")
    write("c/a.toml", "")
    with pytest.raises(ConfigError, match=r"c/profiles/debug\.toml: a profile goes on top of an experiment") as caught:
        names("c/profiles/debug.toml", "c/a.toml")
    assert "name c/profiles/debug.toml last" in str(caught.value)
    assert names("c/profiles/debug.toml") == ["c/profiles/debug.toml"]


def test_later_layers_win() -> None:
    write("base.toml", BASE)
    write("child.toml", 'extends = "base.toml"\ntrain.num_steps = 3\ntrain.seed = 1')
    write("debug.toml", "train.num_steps = 5")
    run = load_toy("child.toml", "debug.toml").value
    assert (run.train.num_steps, run.train.seed) == (5, 1)


def test_a_base_named_at_two_places_applies_at_both() -> None:
    write("root.toml", "train.num_steps = 1")
    write("left.toml", 'extends = "root.toml"\ntrain.num_steps = 2')
    write("right.toml", 'extends = "root.toml"')
    write("child.toml", 'extends = ["left.toml", "right.toml"]')
    write("base.toml", BASE)
    assert load_toy("base.toml", "child.toml").value.train.num_steps == 1


def test_a_circle_is_named_with_all_its_files() -> None:
    write("a.toml", 'extends = "b.toml"')
    write("b.toml", '# to c\nextends = ["c.toml"]')
    write("c.toml", 'extends = "b.toml"')
    assert first_lines("a.toml") == ["c.toml:1:11: extends goes round in a circle: b.toml -> c.toml -> b.toml"]


def test_a_file_that_extends_itself_through_a_link_is_a_circle() -> None:
    write("a.toml", 'extends = "link.toml"')
    Path("link.toml").symlink_to("a.toml")
    assert first_lines("a.toml") == ["a.toml:1:11: extends goes round in a circle: a.toml -> a.toml"]


def test_a_missing_base_is_pointed_at_with_the_nearest_name() -> None:
    write("01_baseline.toml", BASE)
    write("a.toml", 'why = "x"\nextends = ["01_baseline.toml", "01_basline.toml"]')
    [problem] = problems("a.toml")
    assert first_lines("a.toml") == ["a.toml:2:32: extends: 01_basline.toml: no such file"]
    assert problem.help == "did you mean 01_baseline.toml?"


def test_a_missing_argument_says_that_the_command_line_named_it() -> None:
    write("configs/22_lr_001_23.toml", BASE)
    [problem] = problems("configs/22_lr_01_23.toml")
    assert first_lines("configs/22_lr_01_23.toml") == [
        "configs/22_lr_01_23.toml: no such file (named on the command line)",
    ]
    assert problem.help == "did you mean configs/22_lr_001_23.toml?"


@pytest.mark.parametrize("argument", ["22_lr_001_23.toml", "22_lr_001_23", "23", "configs/23", "configs/23.toml"])
def test_an_experiment_named_without_its_folder_ending_or_words_is_found_for_the_help_line(argument: str) -> None:
    write("configs/22_lr_001_23.toml", BASE)
    write("configs/23_lr_003_123.toml", BASE)
    [problem] = problems(argument)
    assert problem.help == "did you mean configs/22_lr_001_23.toml?"


def test_all_unreadable_files_are_reported_at_once() -> None:
    write("broken.toml", "x = ")
    write("a.toml", 'extends = ["broken.toml", "gone.toml"]')
    assert len(problems("a.toml", "gone_too.toml")) == 3


def test_a_symlink_loop_is_an_error() -> None:
    Path("b.toml").symlink_to("a.toml")
    Path("a.toml").symlink_to("b.toml")
    [line] = first_lines("a.toml")
    assert line.startswith("a.toml: cannot be read: ")


def test_a_directory_is_no_config_unless_a_run_left_it() -> None:
    write("runs/22_x-2026/config.toml", BASE)
    assert first_lines("runs/22_x-2026") == [
        "runs/22_x-2026: cannot be read: it is a directory (named on the command line)"
    ]
    (unfinished,) = problems("runs/22_x-2026")
    assert unfinished.help == "this run never began; name runs/22_x-2026/config.toml to begin another"
    write("runs/22_x-2026/run.json", "{}")
    config = load_toy("runs/22_x-2026/")
    assert config.name == "22_x-2026"
    assert [layer.name for layer in config.files] == ["runs/22_x-2026/config.toml"]


@pytest.mark.parametrize("name", ["", "a\0b.toml", "x" * 5000])
def test_names_that_no_file_can_have_are_errors(name: str) -> None:
    assert len(problems(name)) == 1


def test_no_argument_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no config file was given"):
        load([], root=Run, kinds=KINDS)


def test_chains_and_trees_of_bases_are_bounded() -> None:
    for number in range(60):
        write(f"{number}.toml", f'extends = ["{number + 1}.toml", "{number + 1}.toml"]')
    assert 1 <= len(problems("0.toml")) <= MAX_LAYERS


def test_names_are_shown_from_the_current_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    write("configs/base.toml", "")
    write("configs/profiles/x.toml", "")
    write("configs/a.toml", 'extends = "./profiles/../base.toml"')
    assert names(str(Path("configs/a.toml").absolute())) == ["configs/base.toml", "configs/a.toml"]
    Path("work").mkdir()
    monkeypatch.chdir("work")
    assert names("../configs/a.toml") == ["../configs/base.toml", "../configs/a.toml"]


def test_a_plus_joins_layers_unless_a_file_has_that_name() -> None:
    assert split_argument("a.toml+p/b.toml+c.toml") == ["a.toml", "p/b.toml", "c.toml"]
    write("a.toml+b.toml", "")
    assert split_argument("a.toml+b.toml") == ["a.toml+b.toml"]


def test_name_and_why_are_the_experiments() -> None:
    write("base.toml", BASE)
    write("22_x_23.toml", 'extends = "base.toml"\nwhy = "x?"')
    write("p/cpu_debug.toml", 'why = "small"')
    config = load_toy("22_x_23.toml", "p/cpu_debug.toml")
    assert (config.name, config.why) == ("22_x_23+cpu_debug", "x?")


def test_the_files_are_kept_as_they_lie_on_disk() -> None:
    Path("base.toml").write_bytes(b"\xef\xbb\xbf" + BASE.encode().replace(b"\n", b"\r\n"))
    [layer] = load_toy("base.toml").files
    assert layer.data == Path("base.toml").read_bytes()
