"""Two runs read from disk: what is compared, what is refused, what is counted apart, and which runs are seeds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.comparison.address import Address, parse_address, visible
from harness.comparison.reading import read_eval, unlike
from harness.comparison.screen import _method
from harness.comparison.seed_groups import between_runs, seed_groups
from harness.comparison.two_runs import Compared, compare_runs
from harness.launch import Refused
from tests.harness.comparison.eval_runs import bare_run, write_eval

OK: dict[str, dict[str, Any]] = {"rate": {"field": "ok"}}
IDENTITY = {"eval": "completions", "version": 1, "prompts_sha256": "a" * 64, "data_sha256": None, "decoding": {"t": 1}}


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    return bare_run(tmp_path, "01_base", 1), bare_run(tmp_path, "01_lr_02_02", 2, **{"optimizer.lr": 0.02})


def rows(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"id": name, "ok": value} for name, value in values.items()]


def one(a: Path, b: Path) -> Compared:
    compared, not_compared = compare_runs(a, b)
    assert not not_compared
    (found,) = compared
    return found


def test_items_are_paired_and_those_of_one_run_alone_are_named(runs: tuple[Path, Path]) -> None:
    a, b = runs
    write_eval(a, "e", rows({"x": 1.0, "y": 2.0, "only a": 99.0}), OK)
    write_eval(b, "e", rows({"y": 3.0, "x": 0.5, "only b": -99.0}), OK)
    found = one(a, b)
    assert (found.a.interval.mean, found.b.interval.mean) == (1.5, 1.75)
    assert found.paired.difference.mean == pytest.approx(0.25)
    assert (found.a.alone, found.b.alone) == (("only a",), ("only b",))
    assert [item.id for item in found.won] == ["y"]
    assert [(item.id, item.a, item.b) for item in found.lost] == [("x", 1.0, 0.5)]


def test_the_ratio_of_shared_items_is_not_moved_by_others(runs: tuple[Path, Path]) -> None:
    a, b = runs
    bits = {"bits_per_byte": {"field": "bits", "per": "num_bytes", "higher_is_better": False}}
    shared = [{"id": f"i{at}", "bits": 10.0 * at, "num_bytes": 5 * at} for at in range(1, 6)]
    write_eval(a, "e", [*shared, {"id": "long", "bits": 9e6, "num_bytes": 10**6}], bits)
    write_eval(b, "e", shared, bits)
    found = one(a, b)
    assert found.a.interval.mean == found.b.interval.mean == pytest.approx(2.0)
    assert found.a.interval.low == pytest.approx(2.0), "every item has the same ratio, whatever its size"
    assert found.verdict.word == "cannot tell"


def test_errors_and_rows_without_a_finite_value_are_counted_apart(runs: tuple[Path, Path]) -> None:
    a, b = runs
    write_eval(a, "e", rows({"x": True, "y": True, "z": None}), OK)
    write_eval(b, "e", [{"id": "x", "ok": True}, {"id": "y", "error": "timed out"}, {"id": "z", "ok": "NaN"}], OK)
    found = one(a, b)
    assert (found.a.num_errors, found.a.num_empty) == (0, 1)
    assert (found.b.num_errors, found.b.num_empty) == (1, 1)
    assert found.paired.difference.num_items == 1


@pytest.mark.parametrize(
    ("field", "other", "said"),
    [
        ("prompts_sha256", "b" * 64, "the prompts differ (aaaaaaaa and bbbbbbbb)"),
        ("data_sha256", "c" * 64, "the data differ (null and cccccccc)"),
        ("version", 2, "the versions of the eval differ (1 and 2)"),
        ("decoding", {"t": 0.5}, "the settings of decoding differ (t 1 and 0.5)"),
    ],
)
def test_what_was_not_measured_alike_is_refused(runs: tuple[Path, Path], field: str, other: Any, said: str) -> None:
    a, b = runs
    write_eval(a, "e", rows({"x": True}), OK, identity=IDENTITY)
    write_eval(b, "e", rows({"x": True}), OK, identity={**IDENTITY, field: other})
    with pytest.raises(Refused, match="nothing to compare") as refused:
        compare_runs(a, b)
    assert f"e: not measured alike: {said}" in str(refused.value)


def test_another_context_is_told_and_no_reason_to_refuse(runs: tuple[Path, Path]) -> None:
    for run, context in zip(runs, (64, 128), strict=True):
        write_eval(run, "e", rows({"x": True}), OK, identity={**IDENTITY, "context": context})
    assert one(*runs).contexts == (64, 128)


def test_runs_without_identity_are_held_to_their_rows(runs: tuple[Path, Path]) -> None:
    a, b = runs
    for run, prompt in zip(runs, ("def ", "class "), strict=True):
        write_eval(run, "asked", [{"id": "p0", "prompt": prompt, "ok": True}, {"id": "p1", "ok": True}], OK)
        write_eval(run, "silent", rows({"x": True}), OK)
    compared, not_compared = compare_runs(a, b)
    assert [(found.eval, found.unknown[:1]) for found in compared] == [("silent", ("evals",))]
    assert "`prompt` differs on 1 of 2 ids (p0)" in not_compared[0].why


def test_runs_without_identity_are_held_to_the_settings_of_their_configs(tmp_path: Path) -> None:
    runs = [bare_run(tmp_path, f"0{at}_run", at, **{"eval.e.prompts": ["def "] * at}) for at in (1, 2)]
    for run in runs:
        write_eval(run, "e", rows({"x": True}), OK)
    with pytest.raises(Refused, match=r"its settings differ \(eval.e.prompts"):
        compare_runs(*runs)


def test_how_much_shared_a_forward_pass_holds_nobody_apart(tmp_path: Path) -> None:
    runs = [bare_run(tmp_path, f"0{at}_run", at, **{"eval.e.batch_windows": at}) for at in (1, 2)]
    for run in runs:
        write_eval(run, "e", rows({"x": True}), OK)
    assert one(*runs).paired.num_ties == 1


def test_an_eval_that_declares_its_score_otherwise_says_in_what(runs: tuple[Path, Path]) -> None:
    write_eval(runs[0], "e", rows({"x": True}), OK)
    write_eval(runs[1], "e", [{"id": "x", "ok": True, "text": "t"}], {"rate": {"field": "ok", "cluster": "text"}})
    with pytest.raises(Refused, match=r"rate is declared differently \(A and B: cluster None and text\)"):
        compare_runs(*runs)


def test_the_screen_says_once_how_few_clusters_there_are(runs: tuple[Path, Path]) -> None:
    by_text = {"rate": {"field": "ok", "cluster": "text"}}
    for run, shift in zip(runs, (0, 1), strict=True):
        of_run = [{"id": str(at), "ok": (at + shift) % 3 == 0, "text": str(at // 4)} for at in range(24)]
        write_eval(run, "e", of_run, by_text)
    (found,) = compare_runs(*runs)[0]
    assert _method(found) == "sign flips of clusters, clustered t; only 6 clusters"


def test_another_source_of_the_same_version_is_a_remark(runs: tuple[Path, Path]) -> None:
    for at, run in enumerate(runs):
        write_eval(run, "e", rows({"x": True}), OK, identity={**IDENTITY, "source_sha256": str(at)})
    assert one(*runs).has_other_source


def test_the_last_step_is_compared_unless_one_is_given(runs: tuple[Path, Path]) -> None:
    for run in runs:
        write_eval(run, "e", rows({"x": 1.0}), OK, step=9)
        write_eval(run, "e", rows({"x": 2.0}), OK, step=10)
        (run / "evals/e/step_00000011.before_20260101T000000Z").mkdir()
    assert one(*runs).a.interval.mean == 2.0
    assert compare_runs(*runs, step=9)[0][0].a.interval.mean == 1.0
    with pytest.raises(Refused, match="no result of it at step 8 in 01_base"):
        compare_runs(*runs, step=8)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ([{"id": "x", "ok": 1}, {"id": "x", "ok": 0}], "same id"),
        ([{"ok": 1}], "has no id"),
    ],
)
def test_rows_that_cannot_be_paired_are_refused(runs: tuple[Path, Path], kept: list[Any], said: str) -> None:
    write_eval(runs[0], "e", kept, OK)
    with pytest.raises(Refused, match=said):
        read_eval(runs[0], "e")


def test_a_broken_result_is_refused_with_its_place(runs: tuple[Path, Path]) -> None:
    folder = write_eval(runs[0], "e", rows({"x": True}), OK)
    (folder / "result.json").write_text("[1")
    with pytest.raises(Refused, match="step_00000002: cannot be read"):
        read_eval(runs[0], "e")


def test_the_same_measurement_is_like_itself(runs: tuple[Path, Path]) -> None:
    write_eval(runs[0], "e", rows({"x": True}), OK, identity=IDENTITY)
    reading = read_eval(runs[0], "e")
    assert reading is not None
    assert unlike(reading, reading) == ""


def test_addresses_come_back_as_they_were_printed() -> None:
    address = Address(run="22_x-20260101T000000Z-ab12", eval="held_out", step=1200, id="email/mime/a#b.py")
    assert str(address) == "22_x-20260101T000000Z-ab12/held_out/step_00001200#email/mime/a#b.py"
    assert parse_address(str(address)) == address
    assert parse_address("runs/22/held_out/step_1200#x").run == "runs/22"
    of_a_sample = parse_address("22/wrong/step_00000007#21/completions/step_00000007#p2")
    assert (of_a_sample.run, of_a_sample.id) == ("22", "21/completions/step_00000007#p2"), "an id may be an address"
    for word in ("22#x", "22/held_out#x", "22/held_out/step_x#y"):
        with pytest.raises(Refused, match="no address"):
            parse_address(word)


def test_what_is_printed_obeys_no_control_character() -> None:
    assert visible("a\x1b[31m\u202eb\n\x9b") == "a\\x1b[31m\\u202eb\\n\\x9b"
    assert visible("día\n", keep="\n") == "día\n"


def test_runs_equal_but_for_the_seed_are_found(tmp_path: Path) -> None:
    def run(name: str, number: int, mean: float, **config: Any) -> Path:
        made = bare_run(tmp_path, name, number, **config)
        write_eval(made, "e", rows({"x": mean, "y": mean}), OK)
        return made

    fast = {"optimizer.lr": 0.02}
    a = run("01_base", 1, 1.0)
    b = run("01_lr_02_02", 2, 2.0, **fast)
    seeds = [run(f"02_seed_{seed}_0{seed + 1}", seed + 1, 2.0 + seed / 10, seed=seed, **fast) for seed in (2, 3)]
    run("02_seed_4_05", 5, 9.0, seed=4, **fast, **{"model.width": 32})
    unended = run("02_seed_5_06", 6, 9.0, seed=5, **fast)
    (unended / "events.jsonl").write_text(json.dumps({"event": "started", "t": 0, "seg": 0, "step": 0}) + "\n")
    groups = seed_groups(a, b, science=lambda config: config, upgrade=lambda config: config)
    assert (groups.a, groups.b) == ((a,), (b, *seeds))
    assert not groups.are_equal_but_for_the_seed
    (between,) = between_runs(groups, compare_runs(a, b)[0])
    assert (between.noise.a.num_items, between.noise.b.num_items) == (1, 3)
    assert between.noise.b.mean == pytest.approx((2.0 + 2.2 + 2.3) / 3)
    same = seed_groups(b, seeds[0], science=lambda config: config, upgrade=lambda config: config)
    assert same.are_equal_but_for_the_seed
    assert between_runs(seed_groups(a, a, science=dict, upgrade=dict), compare_runs(a, b)[0]) == []
