"""The pages of tools/look in a real browser, against the real tool on real files."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import PROJECT, Served
from tests.browser.stores import RUN, make_run

Serve = Callable[..., Served]

HOSTILE = [
    "<script>document.title = 'owned'; fetch('http://attacker.invalid/')</script>",
    "<img src=x onerror=\"document.title='owned'\"><svg onload=document.title='owned'>",
    "\"><iframe src='javascript:parent.document.title=`owned`'></iframe><style>*{display:none}</style>",
    "</pre></article><h1>not mine</h1><base href='http://attacker.invalid/'>{{ 7 * 7 }} ${7 * 7}",
    "if admin\u202e\u2066// then begin\u2069 \x1b[2J\x00\x00\x00 \u200b zero \ufeff",
    "Z" + "\u0301" * 400 + "algo",
    "long " * 4_000,
]


def hostile_rows() -> list[dict[str, Any]]:
    return [{"id": text[:60], "prompt": text, "completion": text, "kind": text[:20]} for text in HOSTILE]


def notes(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in (root / "notes").glob("*.jsonl") for line in path.read_text().splitlines()]


def test_what_a_model_wrote_is_text_whatever_it_is_and_no_other_host_is_asked(
    tmp_path: Path, tab: Page, serve: Serve
) -> None:
    make_run(tmp_path, rows=hostile_rows())
    served = serve(tmp_path, RUN)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(served.address)
    expect(tab.locator(".sample")).to_have_count(len(HOSTILE))
    expect(tab.get_by_text("document.title = 'owned'").first).to_be_visible()
    expect(tab.locator(".hidden-character", has_text="U+202E").first).to_be_visible()
    expect(tab.locator(".hidden-character", has_text="U+0000 x3").first).to_be_visible()
    assert tab.locator("main script, main iframe, main img, main svg, main style, main h1, base").count() == 0
    assert "49" not in tab.locator("main").inner_text().split()
    assert tab.locator("details.more").count() == 2  # prompt and completion of the long one
    for page in ("/", "/tree", f"/run/{RUN}/about", "/curves", "/parallel"):
        tab.goto(served.origin + page)
        tab.wait_for_selector("main")
    assert tab.title() != "owned"
    assert {url for url in asked if not url.startswith((served.origin, "data:"))} == set()
    assert "token" not in tab.url


def test_marks_made_by_keyboard_outlive_a_reload_and_kill_9(tmp_path: Path, tab: Page, serve: Serve) -> None:
    rows = [{"id": f"p{number}", "completion": f"text {number}", "parses": number % 2 == 0} for number in range(30)]
    make_run(tmp_path, rows=rows)
    served = serve(tmp_path, RUN)
    tab.goto(served.address)
    tab.wait_for_selector(".sample")
    tab.keyboard.press("j")
    tab.keyboard.press("1")
    expect(tab.locator(".sample").first).to_have_attribute("data-mark", "pass")
    tab.keyboard.press("j")
    tab.keyboard.press("0")
    expect(tab.locator(".sample").nth(1)).to_have_attribute("data-mark", "fail")
    tab.keyboard.press("n")
    tab.keyboard.type("repeats <b>itself</b>")
    tab.keyboard.press("Enter")
    expect(tab.locator(".sample").nth(1).locator(".notes li")).to_have_text("repeats <b>itself</b>")
    tab.keyboard.press("t")
    tab.keyboard.type("loops")
    tab.keyboard.press("Enter")
    expect(tab.locator(".sample").nth(1).locator(".tag")).to_have_text("loops")
    served.kill()
    kept = [row for row in notes(tmp_path) if row["event"] != "looked"]
    assert [(row["event"], row.get("text")) for row in kept] == [
        ("pass", None),
        ("fail", None),
        ("sample_note", "repeats <b>itself</b>"),
        ("sample_tag", "loops"),
    ]
    assert {(row["run"], row["eval"], row["step"]) for row in kept} == {(RUN, "completions", 10)}
    again = serve(tmp_path, RUN)
    tab.goto(again.address)
    expect(tab.locator(".sample").first).to_have_attribute("data-mark", "pass")
    expect(tab.locator(".sample").nth(1).locator(".tag")).to_have_text("loops")
    tab.wait_for_timeout(2_500)  # a second on the screen, and the next message
    assert sum(row["event"] == "looked" for row in notes(tmp_path)) >= 2


def test_flips_are_gone_through_by_keyboard_and_take_no_marks(tmp_path: Path, tab: Page, serve: Serve) -> None:
    names = ("01_a-20261123T180000Z-0001", "01_b_02-20261123T190000Z-0002")
    for name, parses in zip(names, (True, False), strict=True):
        make_run(tmp_path, name, [{"id": f"i{at}", "completion": f"{name} {at}", "parses": parses} for at in range(3)])
    tab.goto(serve(tmp_path, *names).address)
    expect(tab.locator(".flip")).to_have_count(3)
    tab.wait_for_load_state()
    tab.keyboard.press("j")
    tab.keyboard.press("1")
    tab.keyboard.press("j")
    expect(tab.locator(".sample.now")).to_contain_text("i1")
    tab.wait_for_timeout(2_500)  # longer than a look takes to be counted
    assert tab.locator("#said").inner_text() == ""
    tab.keyboard.press("o")
    expect(tab.locator(".sample")).to_contain_text(f"{names[1]} 1")
    assert {note["run"] for note in notes(tmp_path)} <= {names[1]}


def test_ten_thousand_samples_page_in_under_a_second(tmp_path: Path, tab: Page, serve: Serve) -> None:
    rows = [{"id": f"p{number}", "completion": "word " * 100, "parses": number != 77} for number in range(10_000)]
    make_run(tmp_path, rows=rows)
    tab.goto(serve(tmp_path, RUN).address)
    tab.wait_for_selector(".sample")
    seconds = []
    for number in range(2, 5):
        start = time.monotonic()
        tab.click('a[rel="next"]')
        expect(tab.get_by_text(f"page {number} of 500")).to_be_visible()
        seconds.append(time.monotonic() - start)
        assert tab.locator(".sample").count() == 20
        if number == 2:
            expect(tab.locator(".sample").first).to_contain_text("#p77")  # the worst, after 20 at random
    assert min(seconds) < 1, seconds  # the least of three: others compute on this machine too
    tab.keyboard.press("/")
    tab.keyboard.type("p9999")
    tab.keyboard.press("Enter")
    expect(tab.locator(".sample")).to_have_count(1)


def test_a_curve_follows_its_run(tmp_path: Path, tab: Page, serve: Serve) -> None:
    run = make_run(tmp_path, is_live=True)
    served = serve(tmp_path)
    tab.goto(served.address)
    tab.goto(f"{served.origin}/curves")
    last = tab.locator("#ends tbody tr td").nth(1)
    expect(last).to_have_text("5")
    assert tab.locator("#chart .main-svg").count() > 0
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 6, "t": time.time(), "seg": 0, "train/loss": 1.0}) + "\n")
    expect(last).to_have_text("6", timeout=15_000)


def test_the_static_page_works_from_disk_and_hostile_text_is_text_there_too(tmp_path: Path, tab: Page) -> None:
    import subprocess
    import sys

    make_run(tmp_path / "runs", rows=hostile_rows())
    command = [
        sys.executable,
        str(PROJECT / "tools/look"),
        RUN,
        "--root",
        str(tmp_path / "runs"),
        "--html",
        "page.html",
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto((tmp_path / "page.html").as_uri())
    expect(tab.locator(".sample")).to_have_count(len(HOSTILE))
    assert tab.locator("#chart .main-svg").count() > 0
    expect(tab.locator("#ends tbody tr td").nth(1)).to_have_text("5")
    assert tab.title() == RUN
    assert {url for url in asked if not url.startswith(("file:", "data:"))} == set()
