"""A schema cannot change unsaid: every change since the lock asks for a version and for the step that explains it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from attrs import Factory, field, frozen, make_class

from bindings import KINDS, MIGRATIONS, ROOT, SCHEMA_VERSION
from bindings.migrations import Added, DefaultChanged, Removed, Renamed, ValueMapped
from falsework import ConfigError
from falsework.lock import lock_faults, lock_text
from falsework.schema import Table, compile_schema
from tests.falsework import toy
from tests.falsework.toy import PLACE, SCIENCE


def entry(annotation: Any, **options: Any) -> Any:
    """A field of that type; mypy takes annotations that are unions or literals for no types."""
    return field(type=annotation, **options)


FIELDS: Mapping[str, Any] = {
    "lr": entry(float, default=0.1, metadata=SCIENCE),
    "steps": entry(int, metadata=SCIENCE),
    "mode": entry(Literal["a", "b"], default="a", metadata=SCIENCE),
    "note": entry(str | None, default=None, metadata=PLACE),
    "tags": entry(tuple[str, ...], default=("x",), metadata=SCIENCE),
}


@frozen(kw_only=True)
class Other:
    """A kind."""

    width: int = field(default=1, metadata=SCIENCE)


@frozen(kw_only=True)
class Third:
    """Another kind."""

    depth: int = field(default=1, metadata=SCIENCE)


def table(kinds: Mapping[str, type] | None = None, **changed: Any) -> Table:
    """A schema with the fields above, some of them changed, added, or (None) taken out, in a component and a table."""
    fields = {name: value for name, value in {**FIELDS, **changed}.items() if value is not None}
    kind = make_class("Kind", fields, frozen=True, kw_only=True)
    part = entry(kind, metadata=SCIENCE)
    named = entry(dict[str, kind], default=Factory(dict), metadata=SCIENCE)  # type: ignore[valid-type]
    root = make_class("Root", {"part": part, "named": named}, frozen=True, kw_only=True)
    return compile_schema(root, {kind: {"x": kind, **(kinds or {})}})


LOCK = lock_text(table(), 1)


def test_the_projects_own_schema_is_locked_and_every_change_explained() -> None:
    text = (Path(__file__).parents[2] / "bindings" / "schema.lock.toml").read_text("utf-8")
    project = compile_schema(ROOT, KINDS)
    assert lock_faults(text, project, SCHEMA_VERSION, MIGRATIONS) == []
    assert text == lock_text(project, SCHEMA_VERSION), "run tools/schema"


def test_the_lock_has_a_line_for_every_field_of_every_kind() -> None:
    lines = lock_text(compile_schema(toy.Run, toy.KINDS), 3).splitlines()
    assert lines[1] == "schema = 3"
    assert '"train.num_steps" = { type = "int", class = "science" }' in lines
    assert '"optimizer" = { type = "component", options = ["adamw", "muon"], class = "science" }' in lines
    assert '"optimizer<muon>.momentum" = { type = "float", class = "science", default = 0.95 }' in lines
    assert '"eval.*<completions>.num_samples" = { type = "int", class = "science", default = 3 }' in lines
    assert '"log.token_env" = { type = "str", class = "place", optional = true }' in lines


def test_the_same_schema_needs_nothing() -> None:
    assert lock_faults(LOCK, table(), 1, {}) == []


CHANGES: Mapping[str, tuple[Mapping[str, Any], Any]] = {
    "gone": ({"lr": None}, Removed("part<x>.lr", was=0.1)),
    "renamed": ({"lr": None, "rate": FIELDS["lr"]}, Renamed("part.lr", "part.rate")),
    "new": ({"extra": entry(int, default=3, metadata=SCIENCE)}, Added("part.extra", before=1)),
    "default": ({"lr": entry(float, default=0.2, metadata=SCIENCE)}, DefaultChanged("part.lr", was=0.1)),
    "no default": ({"lr": entry(float, metadata=SCIENCE)}, DefaultChanged("part.lr", was=0.1)),
    "list": (
        {"tags": entry(tuple[str, ...], default=(), metadata=SCIENCE)},
        DefaultChanged("part.tags", was=["x"]),
    ),
    "type": ({"steps": entry(str, metadata=SCIENCE)}, ValueMapped("part.steps", {1: "one"})),
    "narrower": (
        {"mode": entry(Literal["a"], default="a", metadata=SCIENCE)},
        ValueMapped("part.mode", {"b": "a"}),
    ),
    "required": ({"note": entry(str, metadata=PLACE)}, Added("part.note", before="")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_asks_for_a_version_and_then_for_its_step(change: str) -> None:
    changed, step = CHANGES[change]
    new = table(**changed)
    faults = lock_faults(LOCK, new, 1, {})
    assert faults[-1] == "schema 1 has been released: set SCHEMA_VERSION = 2 and write MIGRATIONS[2]"
    unsaid = lock_faults(LOCK, new, 2, {})
    assert unsaid
    assert {line.partition(":")[0] for line in unsaid} == {line.partition(":")[0] for line in faults[:-1]}
    named = {name: _of_named(getattr(step, name)) for name in ("path", "old", "new") if hasattr(step, name)}
    assert lock_faults(LOCK, new, 2, {2: (step, step._replace(**named))}) == []
    assert lock_text(new, 2) != LOCK


def _of_named(path: str) -> str:
    return path.replace("part", "named.*").replace("<x>", "")


def test_a_class_asks_for_a_version_alone() -> None:
    new = table(note=entry(str | None, default=None, metadata=SCIENCE))
    assert lock_faults(LOCK, new, 1, {})[0] == "part<x>.note: place was its class"
    assert lock_faults(LOCK, new, 2, {}) == []


@pytest.mark.parametrize(
    "new",
    [
        table({"y": Other}),
        table(steps=entry(float, metadata=SCIENCE)),
        table(mode=entry(Literal["a", "b", "c"], default="a", metadata=SCIENCE)),
        table(steps=entry(int, default=1, metadata=SCIENCE)),
        table(lr=entry(float, default=0.1, metadata={**SCIENCE, "doc": "other words"})),
    ],
)
def test_what_leaves_old_files_alone_asks_for_a_fresh_lock_at_most(new: Table) -> None:
    assert lock_faults(LOCK, new, 1, {}) == []


def test_a_kind_with_another_name_is_a_value_that_was_mapped() -> None:
    old = lock_text(table({"y": Other}), 1)
    new = table({"z": Other})
    assert lock_faults(old, new, 2, {}) == [
        f"{path}<y>: gone; write ValueMapped for {path}.kind, or Removed" for path in ("part", "named.*")
    ]
    steps = (ValueMapped("part.kind", {"y": "z"}), ValueMapped("named.*.kind", {"y": "z"}))
    assert lock_faults(old, new, 2, {2: steps}) == []


def test_a_kind_that_is_gone_is_removed_by_its_name_and_no_other_is() -> None:
    old, new = lock_text(table({"y": Other, "z": Third}), 1), table()
    gone = [
        f"{path}<{kind}>: gone; write ValueMapped for {path}.kind, or Removed"
        for path in ("part", "named.*")
        for kind in "yz"
    ]
    assert lock_faults(old, new, 2, {}) == gone
    said = (Removed("part<y>"), Removed("named.*<y>"))
    assert lock_faults(old, new, 2, {2: said}) == [gone[1], gone[3]]
    assert lock_faults(old, new, 2, {2: (*said, Removed("part<z>"), Removed("named.*<z>"))}) == []


def test_versions_that_do_not_follow_are_refused() -> None:
    assert lock_faults(LOCK.replace("schema = 1", "schema = 3"), table(), 2, {}) == [
        "SCHEMA_VERSION is 2, and schema 3 has been released"
    ]
    assert lock_faults(LOCK, table(), 1, {2: (Removed("a"), Removed("b"))}) == [
        "migrations for schema 2, and SCHEMA_VERSION is 1",
    ]


def with_default_table(log: Mapping[str, Any], kind: Mapping[str, Any]) -> Table:
    """A schema whose root has a table and a component that are default objects."""
    log_class = make_class("Log", dict(log), frozen=True, kw_only=True)
    kind_class = make_class("X", dict(kind), frozen=True, kw_only=True)
    fields = {
        "log": entry(log_class, default=Factory(log_class), metadata=PLACE),
        "part": entry(kind_class, default=Factory(kind_class), metadata=SCIENCE),
    }
    return compile_schema(make_class("Root", fields, frozen=True, kw_only=True), {kind_class: {"x": kind_class}})


def test_a_field_that_comes_or_goes_is_no_changed_default_of_the_table_it_is_in() -> None:
    every, width = entry(int, default=50, metadata=PLACE), entry(int, default=1, metadata=SCIENCE)
    lock = lock_text(with_default_table({"every": every}, {"width": width}), 1)
    more = {"every": every, "color": entry(bool, default=True, metadata=PLACE)}
    new = with_default_table(more, {"width": width, "depth": width})
    assert lock_faults(lock, new, 2, {2: (Added("log.color"), Added("part<x>.depth"))}) == []
    newest = lock_text(new, 2)
    steps = {3: (Removed("log.color", was=True), Removed("part<x>.depth", was=1))}
    assert lock_faults(newest, with_default_table({"every": every}, {"width": width}), 3, steps) == []
    changed = with_default_table({"every": entry(int, default=9, metadata=PLACE)}, {"width": width})
    assert lock_faults(lock, changed, 2, {2: (DefaultChanged("log.every", was=50),)}) == [
        "log: { every = 50 } was its default; write DefaultChanged"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<<<<<<< HEAD\n",
        "schema = 1\n",
        LOCK.replace('class = "science"', "class = 3", 1),
        f'{LOCK}2 = {{ type = "int", class = "science" }}\n',
    ],
)
def test_what_is_no_lock_is_one_error_with_the_way_back(text: str) -> None:
    with pytest.raises(ConfigError, match=r"no lock that tools/schema wrote: .*\n  help: take the released one back"):
        lock_faults(text, table(), 1, {})


def test_a_default_that_sets_what_is_optional_is_refused_as_nothing_could_take_it_away() -> None:
    inner = make_class("Inner", {"note": entry(str | None, default=None, metadata=PLACE)}, frozen=True, kw_only=True)
    root = make_class("Root", {"a": entry(inner, default=inner(note="x"), metadata=PLACE)}, frozen=True, kw_only=True)
    compiled = compile_schema(root, {})
    faults = lock_faults(lock_text(compiled, 1), compiled, 1, {})
    assert faults == ["a: its default sets a.note, which is optional: nothing could take it away"]
