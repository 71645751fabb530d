"""A folder of experiments as a whole: each rule against a folder that breaks it, and one that breaks none."""

import json
from collections.abc import Sequence

import pytest

from falsework import Config, ConfigError
from falsework.check import Report, check_folder, json_of, text_of
from tests.falsework.numbers import naming
from tests.falsework.toy import BASE, load, write


def load_files(files: Sequence[str]) -> Config:
    return load(*files)


def check() -> Report:
    return check_folder("configs", load=load_files, naming=naming())


def child(name: str, text: str, *, base: str = "01_base.toml", why: str = "to see") -> None:
    write(f"configs/{name}.toml", f'extends = "{base}"\nwhy = "{why}"\n{text}\n')


def found() -> list[tuple[str, str]]:
    """Each finding's rule and first line."""
    return [(finding.rule, finding.text.splitlines()[0]) for finding in check().findings]


@pytest.fixture(autouse=True)
def _root() -> None:
    write("configs/01_base.toml", BASE)
    write("configs/profiles/debug.toml", "[train]\nnum_steps = 2\n[model._when.gpt]\nnum_layers = 1")


def test_a_right_folder_has_no_findings() -> None:
    child("01_lr_001_02", "optimizer.lr = 0.001")
    child("02_convnet_03", "[model]\nkind = 'convnet'", base="01_lr_001_02.toml")
    write("configs/my_text.toml", BASE)
    write("configs/machine.toml", "log.every_steps = 1")
    write("configs/sweeps/x.toml", "this is not checked here")
    report = check()
    assert (report.findings, report.num_experiments, report.num_profiles) == ([], 4, 1)
    assert text_of(report) == "0 errors, 0 warnings in 4 experiments, each alone and with 1 profile"


def test_what_does_not_load_is_told_once_with_its_place() -> None:
    child("01_lr_001_02", "optimizer.lrr = 0.001")
    child("02_a_03", "train.seed = 1", base="01_lr_001_02.toml")
    assert found() == [("loads", "configs/01_lr_001_02.toml:3:11: optimizer.lrr: unknown key for kind adamw")]


def test_every_profile_is_tried_on_every_experiment() -> None:
    child("01_lr_001_02", "optimizer.lr = 0.001")
    child("01_convnet_03", "[model]\nkind = 'convnet'")
    write("configs/profiles/wide.toml", "[model]\ndim = 3")
    assert found() == [
        ("profiles", "configs/profiles/wide.toml:2:7: model.dim: must be a multiple of num_heads = 4, got 3"),
        ("profiles", "configs/profiles/wide.toml:2:1: model.dim: unknown key for kind convnet"),
    ]
    assert [finding.text.splitlines()[-1] for finding in check().findings] == [
        "  note: with wide on configs/01_base.toml and 1 more",
        "  note: with wide on configs/01_convnet_03.toml",
    ]


def test_numbers_are_unique_and_parents_are_older() -> None:
    child("01_lr_001_02", "optimizer.lr = 0.001")
    child("01_longer_02", "train.num_steps = 900")
    child("07_longer_03", "train.num_steps = 900")
    child("05_longer_04", "train.num_steps = 900")
    child("04_longer_05", "train.num_steps = 901")
    assert found() == [
        ("numbers", "configs/01_lr_001_02.toml: configs/01_longer_02.toml has the number 02 too"),
        ("parents", "configs/05_longer_04.toml: its parent 05 is not older than itself"),
        ("parents", "configs/07_longer_03.toml: there is no experiment 07, which its name calls its parent"),
    ]


def test_a_name_is_held_against_its_parent_not_against_its_base() -> None:
    child("01_lr_001_02", "optimizer.lr = 0.001")
    write("configs/02_layers_2_03.toml", BASE.replace("3e-4", "0.001").replace("num_layers = 6", "num_layers = 2"))
    child("01_lr_002_04", "optimizer.lr = 0.003")
    assert found() == [
        ("names", "configs/01_lr_002_04.toml: the name says lr_002, but optimizer.lr is 0.003"),
    ]


def test_numbered_experiments_say_why() -> None:
    child("01_lr_001_02", "optimizer.lr = 0.001", why=" ")
    write("configs/notes.toml", BASE.replace('why = "the base"', ""))
    assert found() == [("why", "configs/01_lr_001_02.toml: it does not say why")]


def test_warnings_are_no_errors() -> None:
    child("01_lr_001_02", "optimizer.lr = 0.001\ntrain.num_steps = 100")
    child("01_muon_03", "[optimizer]\nkind = 'muon'\nlr = 3e-4\n[model]\nkind = 'gpt'\nnum_heads = 4")
    for number in (3, 4, 5):
        base = "01_muon_03.toml" if number == 3 else f"{number - 1:02}_seed_{number}_{number:02}.toml"
        child(f"{number:02}_seed_{number + 1}_{number + 1:02}", f"train.seed = {number + 1}", base=base)
    report = check()
    assert [(finding.level, finding.rule, finding.text.splitlines()[0]) for finding in report.findings] == [
        (
            "warning",
            "dead",
            "configs/01_lr_001_02.toml:4:19: train.num_steps: changes nothing: configs/01_base.toml:3:13 says the same",
        ),
        ("warning", "depth", "configs/05_seed_6_06.toml: extends is 4 steps deep"),
    ]
    assert report.num_errors == 0


def test_secrets_are_found_in_experiments_and_profiles_and_not_repeated() -> None:
    token = "hf_" + "aB" * 17
    write("configs/profiles/secret.toml", f"# {token}\n")
    report = check()
    assert [(finding.rule, finding.text.splitlines()[0]) for finding in report.findings] == [
        ("secrets", "configs/profiles/secret.toml:1:3: this looks like a token of Hugging Face")
    ]
    assert token not in text_of(report)


def test_json_is_for_scripts() -> None:
    child("01_lr_001_02", "optimizer.lr = 0.002")
    told = json.loads(json_of(check()))
    assert told["num_experiments"] == 2
    assert [(finding["level"], finding["rule"], finding["file"]) for finding in told["findings"]] == [
        ("error", "names", "configs/01_lr_001_02.toml")
    ]


def test_a_folder_without_experiments_is_trouble() -> None:
    with pytest.raises(ConfigError, match="gone: no experiments here"):
        check_folder("gone", load=load_files, naming=naming())


def test_this_machines_own_file_is_checked_on_every_experiment() -> None:
    write("configs/01_base.toml", BASE)
    child("01_lr_001_02", "optimizer.lr = 0.001")
    write("configs/machine.toml", "log.every_steps = 5\n")
    assert found() == []
    write("configs/machine.toml", "log.every_stepz = 5\ntrain.seed = 3\n")
    assert found() == [
        ("profiles", "configs/machine.toml:1:5: log.every_stepz: unknown key"),
        (
            "profiles",
            "configs/machine.toml:2:7: train.seed: a science field; machine.toml holds fields of class place alone",
        ),
    ]
    assert "with machine on configs/01_base.toml and 1 more" in text_of(check())


def test_a_file_in_the_place_of_the_folder_is_answered_with_its_folder() -> None:
    write("configs/01_baseline.toml", BASE)
    with pytest.raises(ConfigError, match="a file, and a folder is checked as a whole") as caught:
        check_folder("configs/01_baseline.toml", load=load_files, naming=naming())
    assert caught.value.problems[0].help.startswith("name configs;")
