"""One real Chromium for all tests of pages, and pages served by the real tool."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
PROJECT = Path(__file__).parents[2]
MAX_MILLISECONDS = 120_000  # on a starved machine; nothing waits longer than it has to


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """An empty tab with its own cookies."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    context.set_default_timeout(MAX_MILLISECONDS)
    expect.set_options(timeout=MAX_MILLISECONDS)
    yield context.new_page()
    context.close()


class Served:
    """tools/look as its own process."""

    def __init__(self, root: Path, *words: str) -> None:
        command = [sys.executable, str(PROJECT / "tools/look"), *words, "--root", str(root), "--no-open"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/.*[?&]token=[\w-]{32}", self.address), self.address
        self.origin = self.address[: self.address.index("/", len("http://"))]

    def kill(self) -> None:
        """The end by kill -9."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Starts tools/look on a store; every one is ended after the test."""
    started: list[Served] = []

    def start(root: Path, *words: str) -> Served:
        started.append(Served(root, *words))
        return started[-1]

    yield start
    for one in started:
        one.kill()
