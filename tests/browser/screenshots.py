"""Makes the pictures of docs/look.md and of the README: the real pages, on runs of this project, in real Chromium.

Usage: python tests/browser/screenshots.py RUNS_DIR FOLDER [--all]

RUNS_DIR is only read. With --all every page is pictured at 1280 and at 400 pixels, to be looked at; without, those
that documents show.
"""

import os
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import uvicorn
from playwright.sync_api import Page, sync_playwright

from harness.analysis.find import find_run
from harness.look.server import make_app

CHROMIUM = "/usr/bin/chromium"
WIDTHS = {1280: 860, 400: 800}
SHOWN = {"look_samples": "samples", "look_runs": "runs", "look_curves": "curves", "look_pair": "pair"}


def addresses(root: Path) -> dict[str, str]:
    """The pages, by name."""
    a, b = (quote(find_run(root, number).name) for number in ("21", "22"))
    return {
        "samples": f"/run/{b}",
        "runs": "/?where=profile+is+null",
        "tree": "/tree",
        "curves": "/curves?where=number+in+(1,3,7,22,23,24)&smooth=0.9&log=y",
        "parallel": "/parallel",
        "about": f"/run/{b}/about",
        "pair": f"/pair/{a}/{b}?eval=completions",
        "flips": f"/pair/{a}/{b}?eval=held_out&side=won#flips",
        "seeds": "/?group=seeds",
    }


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The page over a store, in a thread; gives its address with a free port, and the token."""
    token = secrets.token_urlsafe()
    server = uvicorn.Server(uvicorn.Config(make_app(root, token), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/?token={token}"
    server.should_exit = True
    thread.join(10)


def settle(page: Page) -> None:
    """Waits until charts and edges are there."""
    if page.locator("#chart, #parallel").count():
        page.wait_for_selector("[data-drawn] .main-svg")
    if page.locator("[data-edge]").count():
        page.wait_for_selector(".verdict")
    page.wait_for_timeout(700)


def main(root: Path, folder: Path, *, is_all: bool) -> None:
    """Writes FOLDER/NAME.png, and with `is_all` NAME_WIDTH.png."""
    folder.mkdir(parents=True, exist_ok=True)
    with served(root) as start, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width, height in (WIDTHS if is_all else {1180: 640}).items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(start)
            page.wait_for_selector("h1")
            for name, address in addresses(root).items():
                files = [f"{name}_{width}"] if is_all else [file for file, of in SHOWN.items() if of == name]
                for file in files:
                    page.goto(start.partition("/?")[0] + address)
                    settle(page)
                    page.screenshot(path=folder / f"{file}.png")
                    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    size = (folder / f"{file}.png").stat().st_size / 1e3
                    print(f"{file}.png  {size:.0f} kB  {max(0, wide)} pixels too wide")
        browser.close()


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--all"]
    main(Path(words[0]), Path(words[1]), is_all="--all" in sys.argv)
    sys.stdout.flush()
    os._exit(0)  # as every tool: DuckDB reports what nobody collected as leaks
