"""machine.toml: the last layer, and of class place alone."""

from pathlib import Path

import pytest

import falsework
from falsework import Config, ConfigError
from tests.falsework.toy import BASE, KINDS, Run, write


def on_this_machine(machine: str, experiment: str = "configs/01_a.toml", *layers: str) -> Config:
    write(experiment, BASE)
    write("configs/machine.toml", machine)
    return falsework.load([experiment, *layers], root=Run, kinds=KINDS, for_this_machine=True)


@pytest.mark.parametrize("experiment", ["configs/01_a.toml", "configs/lr/first/01_a.toml"])
def test_it_is_the_last_layer_of_every_experiment_below_configs(experiment: str) -> None:
    write("profile.toml", "log.every_steps = 2\ntrain.device = 'cuda'")
    config = on_this_machine("log.every_steps = 3\nlog.token_env = 'TOKEN'", experiment, "profile.toml")
    assert (config.value.log.every_steps, config.value.train.device) == (3, "cuda")
    assert config.origins()["log.every_steps"] == "configs/machine.toml:1:19"
    assert [file.name for file in config.files] == [experiment, "profile.toml", "configs/machine.toml"]
    assert config.name == "01_a+profile"


def test_it_is_found_beside_an_experiment_and_may_be_missing() -> None:
    write("a.toml", BASE)
    assert len(falsework.load(["a.toml"], root=Run, kinds=KINDS, for_this_machine=True).files) == 1
    write("machine.toml", "[log]\nevery_steps = 3")
    assert falsework.load(["a.toml"], root=Run, kinds=KINDS, for_this_machine=True).value.log.every_steps == 3
    assert falsework.load(["a.toml"], root=Run, kinds=KINDS).value.log.every_steps == 50


def test_it_changes_the_fingerprint_of_places_alone() -> None:
    one, two = on_this_machine("log.every_steps = 3"), on_this_machine("log.every_steps = 4")
    assert {name for name in one.fingerprints if one.fingerprints[name] != two.fingerprints[name]} == {"place"}


def test_what_is_no_place_is_refused_at_its_place() -> None:
    machine = """
        train = { device = "cpu", num_threads = 3, seed = { _unset = true } }
        [optimizer._when.adamw]
        lr = 1
        [model]
        kind = "convnet"
        [log]
        every_stepz = 1
    """
    Path("configs").mkdir()
    with pytest.raises(ConfigError) as error:
        on_this_machine(machine)
    lines = [line for line in str(error.value).splitlines() if line.startswith("configs/")]
    refused = "machine.toml holds fields of class place alone"
    assert f"configs/machine.toml:1:27: train.num_threads: a speed field; {refused}" in lines
    assert f"configs/machine.toml:3:1: optimizer.lr: a science field; {refused}" in lines
    assert f"configs/machine.toml:5:1: model.kind: a science field; {refused}" in lines
    assert any("log.every_stepz: unknown key" in line for line in lines)
    assert not any("train.device" in line for line in lines)


def test_it_extends_nothing() -> None:
    write("configs/other.toml", "")
    with pytest.raises(ConfigError, match=r"machine\.toml:1:1: extends: a machine's own file stands alone"):
        on_this_machine('extends = "other.toml"')
