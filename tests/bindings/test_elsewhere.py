"""What other projects call our fields leads to fields that there are, and hides none of them."""

import pytest

from bindings import KINDS, ROOT
from bindings.elsewhere import ELSEWHERE
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
