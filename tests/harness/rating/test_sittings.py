"""What is shown, what is stored, and that nothing is lost or counted twice."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from harness.launch import Refused
from harness.rating.pairs import read_pairs
from harness.rating.schedule import repeats_in, schedule
from harness.rating.sitting import NotNext, append
from harness.rating.votes import standing, tags_in
from harness.rows import read
from tests.harness.rating.rated_runs import NAMES, prefers, press_all, sit, write_run, write_two


@pytest.mark.parametrize("count", [1, 2, 7, 60, 61])
def test_sides_are_balanced_and_a_tenth_comes_back_swapped_and_later(count: int) -> None:
    for seed in range(20):
        shown = schedule([f"p{at}" for at in range(count)], seed=seed)
        again = repeats_in(shown)
        first = {one.id: (at, one.left) for at, one in enumerate(shown) if not again[at]}
        assert len(first) == count
        assert sum(again) == (0 if count == 1 else max(1, round(count / 10)))
        lefts = [left for _, left in first.values()]
        assert abs(lefts.count("a") - lefts.count("b")) <= 1
        for at, one in enumerate(shown):
            if again[at]:
                assert one.left != first[one.id][1]
                assert at - first[one.id][0] > 1 or count < 3, "not one right after the other"


def test_the_schedule_is_that_of_its_seed() -> None:
    ids = [f"p{at}" for at in range(30)]
    assert schedule(ids, seed=3) == schedule(ids, seed=3) != schedule(ids, seed=4)


def test_a_vote_is_a_row_that_says_all_of_it(tmp_path: Path) -> None:
    sitting = sit(*write_two(tmp_path, 4), seed=5)
    _, left, _ = sitting.pair(0)
    sitting.vote(0, "left", 1234)
    start, row = read(sitting.path)
    on_left = NAMES[0] if left.startswith("alpha") else NAMES[1]
    assert (start["seed"], start["rater"], len(start["shown"])) == (5, "mia", 5)
    assert {key: row[key] for key in ("event", "rater", "choice", "preferred", "left", "ms", "seed", "is_repeat")} == {
        "event": "vote",
        "rater": "mia",
        "choice": "left",
        "preferred": on_left,
        "left": on_left,
        "ms": 1234,
        "seed": 5,
        "is_repeat": False,
    }
    (notes,) = (tmp_path / "notes").glob("*.jsonl")
    assert [(one["event"], one["run"], one["step"]) for one in read(notes)] == [("looked", run, 100) for run in NAMES]
    assert row["addresses"]["left"] == f"{on_left}/completions/step_00000100#{row['id']}"


def test_an_undo_is_a_row_and_the_pair_is_asked_again(tmp_path: Path) -> None:
    sitting = sit(*write_two(tmp_path, 4))
    sitting.vote(0, "left", 1)
    sitting.vote(1, "tie", 1)
    sitting.undo(1)
    sitting.vote(1, "both_bad", 1)
    rows = read(sitting.path)
    assert [row["event"] for row in rows] == ["rating", "vote", "vote", "undo", "vote"]
    assert [row["choice"] for row in standing(rows)] == ["left", "both_bad"]


def test_no_pair_is_voted_on_twice_and_no_unseen_one_undone(tmp_path: Path) -> None:
    sitting = sit(*write_two(tmp_path, 4))
    sitting.vote(0, "left", 1)
    for index in (0, 2, -1, 99):
        with pytest.raises(NotNext):
            sitting.vote(index, "right", 1)
    for index in (1, -1):
        with pytest.raises(NotNext):
            sitting.undo(index)
    assert len(standing(read(sitting.path))) == 1


def test_after_the_names_are_told_no_vote_changes(tmp_path: Path) -> None:
    sitting = sit(*write_two(tmp_path, 2))
    while not sitting.is_done:
        sitting.vote(sitting.num_done, "tie", 1)
    with pytest.raises(NotNext, match="named"):
        sitting.undo(len(sitting) - 1)


def test_a_killed_sitting_goes_on_where_it_stopped(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 20)
    script = textwrap.dedent(f"""
        from pathlib import Path
        from tests.harness.rating.rated_runs import sit
        sitting = sit(Path({str(a)!r}), Path({str(b)!r}))
        for index in range(len(sitting) - 1):
            sitting.vote(index, "left", 1)
            print(index, flush=True)
    """)
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'src'}"}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(3)]
        child.send_signal(signal.SIGKILL)
        told += [int(line) for line in child.stdout]
    (path,) = (tmp_path / "ratings").glob("*.jsonl")
    with path.open("ab") as file:
        file.write(b'{"event":"vote","index":')  # and a torn row
    sitting = sit(b, a)  # named the other way round: the same sitting
    assert sitting.path == path
    assert sitting.num_done in {told[-1] + 1, told[-1] + 2}, "no vote that was answered is lost"
    before = sitting.num_done
    sitting.vote(before, "right", 1)
    assert len(standing(read(path))) == before + 1


def test_two_processes_never_hold_one_sitting(tmp_path: Path) -> None:
    runs = write_two(tmp_path, 4)
    sitting = sit(*runs)
    with pytest.raises(Refused, match="open in another"):
        sit(*runs)
    sitting.close()
    assert sit(*runs).path == sitting.path


def test_a_second_sitting_takes_pairs_that_were_not_seen(tmp_path: Path) -> None:
    runs = write_two(tmp_path, 8)
    first = sit(*runs, num_pairs=4)
    press_all(first, prefers("beta"))
    second = sit(*runs, num_pairs=4)
    assert second.path != first.path
    assert {one.id for one in first.shown}.isdisjoint(one.id for one in second.shown)


def test_an_unfinished_sitting_is_not_left_by_accident(tmp_path: Path) -> None:
    runs = write_two(tmp_path, 8)
    first = sit(*runs, num_pairs=4, seed=1)
    first.close()
    with pytest.raises(Refused, match="has not finished 4 pairs"):
        sit(*runs, num_pairs=6)
    assert sit(*runs, seed=2).path != first.path
    assert sit(*runs, rater="noa").start["rater"] == "noa"


def test_changed_texts_do_not_get_the_votes_of_others(tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 4)
    sit(a, b).close()
    samples = b / "evals/completions/step_00000100/samples.jsonl"
    samples.write_text(samples.read_text().replace("beta 0", "gamma 0"))
    with pytest.raises(Refused, match="no longer those"):
        sit(a, b)


def test_a_full_disk_is_no_vote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sitting = sit(*write_two(tmp_path, 4))
    monkeypatch.setattr(os, "write", lambda _, line: len(line) // 2)
    with pytest.raises(OSError, match="disk full"):
        sitting.vote(0, "left", 1)
    monkeypatch.undo()
    assert sitting.num_done == 0
    sitting.vote(0, "right", 1)
    assert [row["choice"] for row in standing(read(sitting.path))] == ["right"]


def test_notes_are_kept_and_their_tags_found(tmp_path: Path) -> None:
    sitting = sit(*write_two(tmp_path, 4))
    sitting.note(0, "left repeats itself #repeats, #made-up name")
    with pytest.raises(NotNext):
        sitting.note(1, "not shown yet")
    for text in (" ", "x" * 10_001):
        with pytest.raises(ValueError, match="10,000"):
            sitting.note(0, text)
    assert set(tags_in(read(sitting.path))) == {"repeats", "made-up"}
    (path,) = (tmp_path / "notes").glob("*.jsonl")
    said = [(row["event"], row["run"], row["text"]) for row in read(path)]
    assert said == [("sample_tag", run, tag) for tag in ("repeats", "made-up") for run in NAMES]


def test_rows_that_no_sitting_wrote_stand_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    for row in ({"event": "undo", "index": -1}, {"event": "vote", "index": 1}, {"event": "vote"}, {"event": "undo"}):
        append(path, row)
    assert standing(read(path)) == []


def test_what_cannot_be_rated_is_counted_or_refused(tmp_path: Path) -> None:
    a = write_run(tmp_path, NAMES[0], ["one", "same", "only here"])
    b = write_run(tmp_path, NAMES[1], ["two", "same"])
    found = read_pairs(a, b, "completions")
    assert list(found.pairs) == ["p0/0"]
    assert found.left_out == "1 have the same text in both runs, 1 are in one run alone"
    with pytest.raises(Refused, match="against itself"):
        read_pairs(a, a, "completions")
    with pytest.raises(Refused, match="no eval nothing"):
        read_pairs(a, b, "nothing")
    other = write_run(tmp_path, "33-20261103T000000Z-cccc", ["three"], prompt="class ")
    with pytest.raises(Refused, match="prompt"):
        read_pairs(a, other, "completions")
    samples = other / "evals/completions/step_00000100/samples.jsonl"
    samples.write_text(json.dumps({"id": "p0/0", "bits": 3.0}) + "\n")
    with pytest.raises(Refused, match="no texts to choose between"):
        read_pairs(other, a, "completions")
