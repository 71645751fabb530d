"""tools/rate in a real browser: keys, blindness, two tabs, a killed server, hostile texts."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from harness.rating.votes import standing
from harness.rows import read
from tests.browser.conftest import PROJECT
from tests.harness.rating.rated_runs import NAMES, write_run, write_two

HOSTILE = [
    "<script>window.isHacked = true</script>",
    '<img src=x onerror="window.isHacked = true">',
    "</pre></section><script>window.isHacked = true</script>",
    "\u202egnp.exe\x00\x1b[2J",
    "x" * 30_000,
    '"></button><svg onload="window.isHacked = true">',
]


ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/rate\?token=[\w-]{32}")


class Rating:
    """tools/rate as its own process, over the two runs of a folder."""

    def __init__(self, root: Path) -> None:
        command = [str(PROJECT / "tools/rate"), *NAMES, "--eval", "completions", "--rater", "mia", "--root", str(root)]
        self.process = subprocess.Popen(
            [sys.executable, *command, "--no-open"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.address = self._address()
        self.origin = self.address.partition("/rate")[0]

    def kill(self) -> None:
        """The end by kill -9."""
        self.process.kill()
        self.process.wait()
        self.reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _address(self) -> str:
        """The address that is printed; the rest is read behind, so that the pipe is never full."""
        assert self.process.stdout is not None
        told = ""
        for line in self.process.stdout:
            told += line
            if match := ADDRESS.search(line):
                self.reader = Thread(target=self.process.stdout.read, daemon=True)
                self.reader.start()
                return match[0]
        raise AssertionError(f"no address was printed:\n{told}")


Start = Callable[[Path], Rating]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts tools/rate on a store; every one is ended after the test."""
    started: list[Rating] = []

    def begin(root: Path) -> Rating:
        started.append(Rating(root))
        return started[-1]

    yield begin
    for one in started:
        one.kill()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without cookies, for as many tabs as a test wants."""
    found = browser.new_context(viewport={"width": 1280, "height": 860})
    yield found
    found.close()


def opened(context: BrowserContext, served: Rating) -> Page:
    page = context.new_page()
    page.goto(served.address)
    page.wait_for_selector('#pair[aria-busy="false"]')
    return page


def press(page: Page, key: str) -> None:
    """A key, and the answer to it."""
    page.wait_for_selector('#pair[aria-busy="false"]')  # a reloaded page has its script
    page.keyboard.press(key)
    page.wait_for_selector('#pair[aria-busy="false"]')


def rows_of(root: Path) -> list[dict[str, object]]:
    (path,) = (root / "ratings").glob("*.jsonl")
    return read(path)


def votes_of(root: Path) -> list[object]:
    return [row["choice"] for row in standing(rows_of(root))]


def test_rating_by_keyboard_survives_reload_and_kill(start: Start, context: BrowserContext, tmp_path: Path) -> None:
    write_two(tmp_path, 10)
    served = start(tmp_path)
    page = opened(context, served)
    for key in ("ArrowLeft", "ArrowRight", "ArrowDown", "x"):
        press(page, key)
    assert votes_of(tmp_path) == ["left", "right", "tie", "both_bad"]
    page.reload()
    expect(page.locator("#place")).to_have_text("5 of 11")
    press(page, "u")
    expect(page.locator("#place")).to_have_text("4 of 11")
    page.keyboard.press("n")
    page.keyboard.type("x is no vote here #odd")
    press(page, "Enter")
    press(page, "ArrowLeft")
    served.kill()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#said")).to_contain_text("The server is gone")
    assert votes_of(tmp_path) == ["left", "right", "tie", "left"]

    page = opened(context, start(tmp_path))
    expect(page.locator("#place")).to_have_text("5 of 11")
    while page.locator("#result").count() == 0:
        press(page, "ArrowRight")
    assert len(votes_of(tmp_path)) == 11
    expect(page.locator("#result")).to_contain_text(NAMES[1])
    expect(page.locator("#result")).to_contain_text("#odd")
    page.keyboard.press("ArrowLeft")
    page.reload()
    expect(page.locator("#result")).to_contain_text("win rate of B")
    events = [row["event"] for row in rows_of(tmp_path)]
    assert events.count("vote") == 12
    assert events.count("undo") == 1


def test_before_the_last_vote_nothing_names_a_run(start: Start, context: BrowserContext, tmp_path: Path) -> None:
    a, b = write_two(tmp_path, 6)
    heard: list[Response] = []
    context.on("response", lambda one: heard.append(one))  # noqa: PLW0108 - Playwright marks what it is given
    served = start(tmp_path)
    page = opened(context, served)
    sources = [page.content()]
    for _ in range(6):
        press(page, "ArrowLeft")
        sources.append(page.content())
    said = "".join(sources) + "".join(json.dumps(one.all_headers()) + one.url + _body(one) for one in heard)
    telling = [
        *NAMES,
        "31_plain",
        "31_wide_32",
        "aaaa",
        "bbbb",
        "p0/0",
        "parses",
        "step_00000100",
        str(tmp_path),
        "seed",
    ]
    assert [word for word in telling if word in said.replace(served.address, "")] == []
    for path in ("/", f"/run/{a.name}", f"/run/{b.name}", "/static/../page.py", "/rate/result"):
        answer = context.request.get(served.origin + path)
        assert answer.status == 404
        assert not any(name in answer.text() for name in NAMES if name not in path)
    press(page, "ArrowLeft")
    assert all(name in page.content() for name in NAMES)


def _body(response: Response) -> str:
    """Of everything but the first address, which only sets the cookie and whose body the browser has thrown away."""
    return response.text() if response.ok and "token=" not in response.url else ""


def test_two_tabs_lose_nothing_and_never_vote_twice(start: Start, context: BrowserContext, tmp_path: Path) -> None:
    write_two(tmp_path, 10)
    served = start(tmp_path)
    one, other = opened(context, served), opened(context, served)
    press(one, "ArrowLeft")
    press(other, "ArrowRight")
    expect(other.locator("#said")).to_contain_text("another tab was there first")
    expect(other.locator("#place")).to_have_text("2 of 11")
    assert votes_of(tmp_path) == ["left"]
    press(other, "ArrowRight")
    press(one, "u")
    expect(one.locator("#said")).to_contain_text("another tab was there first")
    assert votes_of(tmp_path) == ["left", "right"]
    press(one, "ArrowDown")
    assert votes_of(tmp_path) == ["left", "right", "tie"]


def test_a_held_key_votes_once(start: Start, context: BrowserContext, tmp_path: Path) -> None:
    write_two(tmp_path, 10)
    page = opened(context, start(tmp_path))
    page.keyboard.down("ArrowLeft")
    for _ in range(5):
        page.keyboard.down("ArrowLeft")  # the repeats of a held key
    expect(page.locator("#place")).to_have_text("2 of 11")
    page.keyboard.up("ArrowLeft")
    press(page, "ArrowLeft")
    assert votes_of(tmp_path) == ["left", "left"]


def test_hostile_texts_are_inert(start: Start, context: BrowserContext, tmp_path: Path) -> None:
    write_run(tmp_path, NAMES[0], HOSTILE, prompt=HOSTILE[0])
    write_run(tmp_path, NAMES[1], [f"{text} " for text in HOSTILE], prompt=HOSTILE[0])
    page = opened(context, start(tmp_path))
    while page.locator("#result").count() == 0:
        assert page.evaluate("window.isHacked") is None
        assert page.locator("main script, main img, main svg").count() == 0
        assert "\u202e" not in page.content()
        assert page.locator("#pair").evaluate("one => one.getBoundingClientRect().height") < 6_000
        press(page, "ArrowDown")
    assert page.evaluate("window.isHacked") is None


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_fits_and_can_be_heard(start: Start, context: BrowserContext, tmp_path: Path, width: int) -> None:
    write_two(tmp_path, 4)
    page = opened(context, start(tmp_path))
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("left is better", "tie", "both bad", "right is better", "note", "undo"):
        expect(page.get_by_role("button", name=name)).to_be_visible()
    expect(page.get_by_role("region", name="left", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="right", exact=True)).to_be_visible()


def test_a_request_from_elsewhere_changes_nothing(start: Start, context: BrowserContext, tmp_path: Path) -> None:
    write_two(tmp_path, 4)
    served = start(tmp_path)
    page = opened(context, served)
    address = served.origin + "/rate/vote"
    sent = {"index": 0, "choice": "left", "ms": 1}
    assert context.request.post(address, data=sent, headers={"origin": "http://evil.example"}).status == 403
    own = {"origin": served.origin}
    for wrong in ({"index": True}, {"index": "0"}, {"choice": "up"}, {"ms": "soon"}):
        assert context.request.post(address, data={**sent, **wrong}, headers=own).status == 400
    assert votes_of(tmp_path) == []
    press(page, "ArrowLeft")
    assert votes_of(tmp_path) == ["left"]
