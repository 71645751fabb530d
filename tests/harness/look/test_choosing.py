"""Which samples are seen, in which order."""

from pathlib import Path

from harness.comparison.scores import Score
from harness.look.choosing import Choice, choose
from harness.look.marks import Said
from harness.look.sample_rows import EvalStep, Samples
from harness.look.visible import folded, plain, visible

AT = EvalStep(run="r", eval="e", step=1, folder=Path())
ROWS = [{"id": str(number), "bits": float(number), "num_bytes": 10.0} for number in range(100)]
SCORE = Score(metric="bits_per_byte", field="bits", per="num_bytes", higher_is_better=False)
SAMPLES = Samples(at=AT, metrics={}, scores=[SCORE], rows=[*ROWS, {"id": "broken", "error": "timeout"}])


def test_the_worst_come_after_twenty_at_random_and_an_error_is_worst() -> None:
    first, second = (choose(SAMPLES, Choice(page=page), {}) for page in (1, 2))
    rest = sorted(set(range(101)) - set(first.places), reverse=True)  # in this store a later row is a worse one
    assert list(second.places) == rest[:20]
    assert first.total == 101
    assert first.num_pages == 6


def test_the_worst_by_another_score_of_the_eval() -> None:
    other = Score(metric="loops", field="loops", higher_is_better=False)
    rows = [{"id": str(at), "bits": float(at), "num_bytes": 1.0, "loops": at == 3} for at in range(5)]
    samples = Samples(at=AT, metrics={}, scores=[SCORE, other], rows=rows)
    assert choose(samples, Choice(order="worst"), {}).places[0] == 4
    assert choose(samples, Choice(order="worst", by="loops"), {}).places[0] == 3
    assert choose(samples, Choice(order="worst", by="no such metric"), {}).places[0] == 4


def test_a_seed_gives_the_same_samples_again_and_another_gives_others() -> None:
    def places(seed: int) -> list[int]:
        return list(choose(SAMPLES, Choice(order="random", seed=seed), {}).places)

    assert places(1) == places(1) != places(2)


def test_samples_are_found_by_words_marks_and_tags() -> None:
    said = {"7": Said(mark="fail", tags=("loops",)), "8": Said(mark="pass")}

    def ids(choice: Choice) -> list[str]:
        return [SAMPLES.rows[place]["id"] for place in choose(SAMPLES, choice, said).places]

    assert ids(Choice(search="TIMEOUT")) == ["broken"]
    assert ids(Choice(mark="fail")) == ["7"]
    assert ids(Choice(tag="loops")) == ["7"]
    assert choose(SAMPLES, Choice(mark="unmarked"), said).total == 99


def test_what_cannot_be_seen_is_shown_and_nothing_is_markup() -> None:
    assert visible("<b>\u202e") == (
        '&lt;b&gt;<span class="hidden-character" title="RIGHT-TO-LEFT OVERRIDE">U+202E</span>'
    )
    assert plain("a\x1b[2J\0\0") == "a⟨U+001B⟩[2J⟨U+0000 x2⟩"
    assert plain("tab\tline\n ü 漢 عربي") == "tab\tline\n ü 漢 عربي"


def test_a_long_text_is_folded_and_an_endless_one_is_cut() -> None:
    shown, rest, num_left_out = folded("x" * 300_000)
    assert (len(shown), len(rest), num_left_out) == (1_600, 198_400, 100_000)
