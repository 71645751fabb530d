"""Files of an older schema mean today what they meant when they were written."""

import pytest

import falsework
from bindings.migrations import Added, DefaultChanged, Removed, Renamed, ValueMapped
from falsework import ConfigError
from falsework.migrations import compile_steps
from tests.falsework.toy import BASE, KINDS, Run, write
from tests.falsework.versions import OLD, load


def old(*texts: str) -> tuple[str, ...]:
    names = tuple(write(f"{name}.toml", text) for name, text in zip("abcdef", texts, strict=False))
    return (write("old.toml", OLD), *names)


def wrong(*texts: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(*old(*texts))
    return [line for line in str(error.value).splitlines() if ".toml:" in line]


def test_names_values_and_reads_are_todays() -> None:
    config = load(*old())
    run = config.value
    assert (run.train.num_steps, run.train.device, str(run.log.file)) == (100, "cuda", "seeds.txt")
    assert (run.model.num_layers, run.model.max_positions, run.eval["bits"].max_bytes) == (100, 201, 5)
    assert config.tree["optimizer"]["kind"] == "adamw"


def test_changed_defaults_are_those_of_the_files_age() -> None:
    run = load(*old()).value
    assert (run.train.seed, run.train.num_threads, run.train.shuffle, run.log.every_steps) == (7, 2, True, 10)
    assert run.optimizer.weight_decay == 0.01
    assert run.data.seq_len == 64, "in a table that is a default object too"


def test_of_a_default_that_changed_twice_the_one_of_the_files_age_holds() -> None:
    write("a.toml", "schema = 2\n" + BASE)
    assert load("a.toml").value.train.seed == 8


def test_a_file_of_today_and_one_without_a_schema_get_todays_defaults() -> None:
    for head in ("", "schema = 3\n"):
        write("base.toml", head + BASE)
        config = load("base.toml")
        assert (config.value.train.seed, config.value.log.every_steps, config.upgrades) == (0, 50, ())


def test_each_step_is_said_with_its_place() -> None:
    assert [str(upgrade) for upgrade in load(*old()).upgrades] == [
        "old.toml:5:2: schema 2: trainer is train now",
        "old.toml:17:1: schema 2: model.num_layers reads train.steps now",
        "old.toml:18:1: schema 2: model.max_positions reads train.steps * 2 + 1 now",
        "old.toml:7:1: schema 2: train.steps is train.num_steps now",
        "old.toml:17:1: schema 2: model.num_layers reads train.num_steps now",
        "old.toml:18:1: schema 2: model.max_positions reads train.num_steps * 2 + 1 now",
        "old.toml:23:1: schema 2: eval.bits.bytes is eval.bits.max_bytes now",
        "old.toml:8:1: schema 2: train.legacy was taken out: it is always false now",
        "old.toml:19:1: schema 2: model.unused was taken out: it had no effect",
        'old.toml:12:3: schema 2: optimizer.kind = "adam" is "adamw" now',
        "old.toml:3:1: schema 3: seed_file is log.file now",
        'old.toml:9:1: schema 3: train.device = "gpu" is "cuda" now',
        "schema 2: train.seed stays 7, the default of schema 1",
        "schema 3: optimizer.weight_decay stays 0.01, the default of schema 1",
        "schema 3: data.seq_len stays 64, the default of schema 1",
        "schema 3: log.every_steps stays 10, the default of schema 1",
        "schema 3: train.num_threads stays 2, the default of schema 1",
    ]


def test_places_are_those_of_the_file_as_it_is_written() -> None:
    config = load(*old())
    origins = config.origins()
    assert origins["train.num_steps"] == "old.toml:7:9"
    assert origins["log.file"] == "old.toml:3:13"
    assert origins["eval.bits.max_bytes"] == "old.toml:23:9"
    assert origins["train.seed"] == origins["data.seq_len"] == "default of schema 1"
    assert [event.word for event in config.story("train.seed")] == ["pinned"]
    assert wrong("schema = 1\n[trainer]\nsteps = 'x'")[-1].startswith("a.toml:3:9: train.num_steps: expected a whole")


def test_layers_of_different_ages_lie_on_each_other() -> None:
    new = "schema = 3\n[train]\nnum_steps = 5\nseed = 1\n[optimizer]\nkind = 'muon'\nlr = 1"
    profile = "schema = 1\n[trainer]\nsteps = 6\n[optimizer._when.adam]\nlr = 3\n[optimizer._when.muon]\nmom = 0.5"
    run = load(*old(new, profile)).value
    assert (run.train.num_steps, run.train.seed, run.optimizer.momentum, run.optimizer.lr) == (6, 1, 0.5, 1)
    every = "schema = 2\n[eval._every._when.bits_per_byte]\nmax_bytes = 9"
    oldest = "schema = 1\n[eval._every._when.bits_per_byte]\nbytes = 8"
    assert load(*old(every)).value.eval["bits"].max_bytes == 9
    assert load(*old(every, oldest)).value.eval["bits"].max_bytes == 8


def test_a_new_child_of_an_old_parent_keeps_the_parents_defaults_and_its_own_kinds() -> None:
    write("old.toml", OLD)
    write("child.toml", 'extends = "old.toml"\nschema = 3\n[optimizer]\nlr = 0.5')
    run = load("child.toml").value
    assert (run.train.seed, run.optimizer.weight_decay, run.log.every_steps) == (7, 0.01, 10)
    write("child.toml", 'extends = "old.toml"\nschema = 3\n[optimizer]\nkind = "muon"\nlr = 0.5\n')
    write("child2.toml", 'extends = "child.toml"\nschema = 3\n[optimizer]\nkind = "adamw"\nlr = 0.5\n')
    assert load("child2.toml").value.optimizer.weight_decay == 0.1, "a kind is of the age of who says it"


def test_an_old_profile_brings_no_old_defaults_to_a_new_experiment() -> None:
    write("base.toml", "schema = 3\n" + BASE)
    write("old_profile.toml", "schema = 1\n[trainer]\nsteps = 6")
    run = load("base.toml", "old_profile.toml").value
    assert (run.train.num_steps, run.train.seed, run.train.num_threads, run.log.every_steps) == (6, 0, 1, 50)


def test_what_is_set_by_any_layer_is_never_pinned() -> None:
    assert load(*old("train.seed = 3\nlog.every_steps = 4")).value.train.seed == 3


def test_what_cannot_be_decided_is_an_error_at_its_place() -> None:
    assert wrong("schema = 1\n[trainer]\nlegacy = true") == [
        "a.toml:3:1: train.legacy: schema 2: this key is gone, and the code now does what false did"
    ]
    (line,) = wrong("schema = 1\ntrainer = { steps = 1, num_steps = 2 }")
    assert line == "a.toml:2:13: train.steps: schema 2: it is num_steps now, and that stands here too"
    (line,) = wrong("schema = 1\nseed_file = 'x'\nlog.file = 'y'")
    assert line == "a.toml:2:1: seed_file: schema 3: it is log.file now, and that stands here too"


def test_old_names_in_new_files_and_newer_files_are_errors() -> None:
    assert wrong("schema = 2\n[train]\nsteps = 1") == ["a.toml:3:1: train.steps: unknown key"]
    assert wrong("schema = 4") == ["a.toml:1:10: schema: written for schema 4, and this code knows up to 3"]


def test_a_resolved_file_of_any_age_loads_to_what_it_was() -> None:
    config = load(*old())
    write("resolved.toml", config.toml())
    assert load("resolved.toml").value == config.value
    assert load("resolved.toml").fingerprint == config.fingerprint
    assert load("resolved.toml").upgrades == ()


def test_what_is_no_step_is_the_authors_mistake() -> None:
    for steps in ((("a", "b"),), (Renamed("a..b", "c"),), (Added("optimizer<>.x"),), (DefaultChanged("a-b", 1),)):
        with pytest.raises(TypeError):
            compile_steps({2: steps})
    with pytest.raises(TypeError, match="a kind gets another name by ValueMapped"):
        compile_steps({2: (Renamed("model<gpt>", "model<transformer>"),)})


def test_a_kind_with_a_new_name_is_known_by_both_to_the_steps_before() -> None:
    steps = compile_steps({2: (Renamed("a<x>.b", "a<x>.c"), ValueMapped("a.kind", {"x": "y"}))})
    assert steps[0].pattern[0].kinds == frozenset({"x", "y"})


def test_a_kind_that_is_gone_takes_along_what_was_said_for_it_and_nothing_else() -> None:
    steps = (DefaultChanged("model.num_heads", was=2), Removed("model<rnn>"))
    write("a.toml", f"schema = 1\n{BASE}\n[model._when.rnn]\nwidth = 3\n")
    config = falsework.load(["a.toml"], root=Run, kinds=KINDS, schema_version=2, migrations={2: steps})
    assert (config.value.model.num_layers, config.value.model.num_heads) == (6, 2)
    assert [str(upgrade) for upgrade in config.upgrades] == [
        "a.toml:13:14: schema 2: model._when.rnn was taken out: there is no kind rnn any more",
        "schema 2: model.num_heads stays 2, the default of schema 1",
    ]
    write("b.toml", 'schema = 1\nextends = "a.toml"\nmodel.kind = "rnn"\n')
    with pytest.raises(ConfigError, match=r"b\.toml:3:14: model\.kind: unknown kind rnn"):
        falsework.load(["b.toml"], root=Run, kinds=KINDS, schema_version=2, migrations={2: steps})
