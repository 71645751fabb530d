"""Records of older runs read under the names of today."""

from bindings.migrations import Added, Removed, Renamed, ValueMapped
from bindings.records import migrated, today

OLD = {
    "optimizer.kind": "adam",
    "optimizer.beta": 0.9,
    "eval.bits.kind": "bits_per_byte",
    "eval.bits.stride": 4,
    "eval.words.kind": "completions",
    "eval.words.stride": 8,
    "train.gone": 1,
}


def test_keys_move_values_are_mapped_and_what_was_removed_is_left_out() -> None:
    steps = (
        Renamed("optimizer.beta", "optimizer.beta1"),
        ValueMapped("optimizer.kind", {"adam": "adamw"}),
        Removed("train.gone"),
        Renamed("eval.*<bits_per_byte>.stride", "eval.*.stride_bytes"),
        Added("train.fused", before=False),
    )
    assert migrated(OLD | {"train.steps": 3}, steps) == {
        "optimizer.kind": "adamw",
        "optimizer.beta1": 0.9,
        "eval.bits.kind": "bits_per_byte",
        "eval.bits.stride_bytes": 4,
        "eval.words.kind": "completions",
        "eval.words.stride": 8,
        "train.steps": 3,
        "train.fused": False,
    }


def test_a_table_that_moved_takes_everything_in_it_along() -> None:
    moved = migrated({"old.part.a": 1, "old.part.b": 2, "older.part.a": 3}, (Renamed("old.part", "new"),))
    assert moved == {"new.a": 1, "new.b": 2, "older.part.a": 3}


def test_what_no_step_explains_stays_as_it_is() -> None:
    assert today({"made.up": 1}) == {"made.up": 1}
