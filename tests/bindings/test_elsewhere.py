"""What other projects call our fields leads to fields that there are, and hides none of them."""

from pathlib import Path

import pytest

from bindings import KINDS, ROOT
from bindings import SCHEMA as OPTIONS
from bindings.elsewhere import ELSEWHERE
from falsework import ConfigError, load
from falsework.hints import help_for_key
from falsework.schema import Component, Named, Shape, Table, compile_schema

SCHEMA = compile_schema(ROOT, KINDS)._replace(elsewhere=ELSEWHERE)


def tables_at(path: str) -> list[Shape]:
    """What stands at a dotted path, in every kind that has it."""
    shapes: list[Shape] = [SCHEMA]
    for part in path.split("."):
        tables = [
            table for shape in shapes for table in (shape.kinds.values() if isinstance(shape, Component) else [shape])
        ]
        shapes = [shape.item for shape in tables if isinstance(shape, Named) and part == "NAME"] + [
            table.fields[part].shape for table in tables if isinstance(table, Table) and part in table.fields
        ]
    return shapes


@pytest.mark.parametrize("name", ELSEWHERE)
def test_every_name_leads_to_a_field(name: str) -> None:
    assert tables_at(ELSEWHERE[name])


@pytest.mark.parametrize("name", ELSEWHERE)
def test_no_name_is_one_of_the_table_that_it_leads_to(name: str) -> None:
    above, _, last = ELSEWHERE[name].rpartition(".")
    assert name != last
    assert not any(name in table.fields for table in tables_at(above) if isinstance(table, Table)) if above else True


def test_a_key_of_another_kind_comes_before_what_others_call_so() -> None:
    (non_finite,) = tables_at("train.non_finite")
    assert isinstance(non_finite, Component)
    said = help_for_key("max_steps", 3, non_finite, "raise", SCHEMA)
    assert said == "max_steps is a key of kind skip; the kind here is raise"


def test_a_file_of_another_project_is_answered_whole(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    sections = "[trainer.optim]\nlr = 1\n[training]\nsteps = 9\nmax_norm = 1.0\n"
    file.write_text(f"{sections}[lr_scheduler]\ndecay_type = 'linear'\nwarmup_steps = 2\n")
    with pytest.raises(ConfigError) as caught:
        load([file], **OPTIONS)
    mends = {problem.path: problem.help for problem in caught.value.problems if problem.what.startswith("unknown")}
    assert mends == {
        ("trainer",): "trainer is [train] here",
        ("trainer", "optim"): "optim is [optimizer] here",
        ("training",): "training is [train] here",
        ("training", "steps"): "did you mean num_steps?",
        ("training", "max_norm"): "max_norm is train.clip_norm here",
        ("lr_scheduler",): "lr_scheduler is [schedule] here",
        ("lr_scheduler", "decay_type"): 'write kind = "linear"',
    }


@pytest.mark.parametrize(
    ("table", "key", "value", "said"),
    [
        ("activations", "mode", "selective", 'write kind = "keep" or "recompute"'),
        ("compile", "enable", False, 'write kind = "none"'),
        ("compile", "enable", True, 'write kind = "none" or "blocks"'),
        ("profile", "enabled", "yes", "this table takes first_step, num_steps, kind"),
    ],
)
def test_what_turns_a_part_on_and_off_elsewhere_is_its_kind_here(
    table: str, key: str, value: object, said: str
) -> None:
    (shape,) = tables_at(table)
    assert isinstance(shape, Component)
    assert help_for_key(key, value, shape, None, SCHEMA) == said
