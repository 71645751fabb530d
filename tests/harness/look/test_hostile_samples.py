"""Hostile text wherever a page or a screen shows some: rows, ids, tags, notes, names of runs and evals, logs."""

import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from harness.comparison.address import Address
from harness.comparison.sample_text import MAX_CHARACTERS, sample_text
from harness.last_screen import raw_samples
from harness.look.server import make_app
from harness.look.static_page import write_page
from harness.rating.terminal import _block
from tests.browser.stores import RUN, make_run

TEXTS = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "[a](javascript:alert(1)) <a href='javascript:alert(1)'>here</a>",
    "{{ 7 * 7 }}{% raw %}",
    "]]><!--<plaintext><textarea><base href=//attacker.invalid>",
    "\x1b]0;title\x07\x1b[2J\x1b[31m\x9b31m",
    "admin\u202e\u2066gpj.exe\u2069\u200b\u200d\ufeff\u2028\u2029\u00ad",
    "\x00\x01\r\x08\x7f",
    "half \ud800 and \udfff",
    "tags \U000e0041\U000e0042 and \ufe0f",
)
EVIL = "01_<img src=x onerror=alert(1)>-20261123T180000Z-0002"
ALLOWED_SCRIPTS = re.compile(r"/static/[a-z]+(\.min)?\.js")
SHOWN = {"\n", "\t", "\r"}  # the last as HTML lines end


class Reader(HTMLParser):
    """What of a page a browser would obey."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.text = ""
        self._raw = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self._raw = tag if tag in ("script", "style") else ""
        if tag in ("img", "iframe", "svg", "base", "object", "embed", "plaintext"):
            self.wrong.append(f"<{tag}>")
        if tag == "script" and not ALLOWED_SCRIPTS.fullmatch(named.get("src", "")):
            self.wrong.append(f"a script of {named.get('src')!r}")
        for name, value in named.items():
            if value == "data:,":  # the page's own icon, which is none
                continue
            if name.startswith("on") or (name in ("href", "src", "action") and ":" in value.partition("/")[0]):
                self.wrong.append(f"{name}={value}")
            self.text += "" if name == "value" else value  # what a form sends back has to be the tag itself

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        self._raw = "" if tag == self._raw else self._raw


def unseen(text: str) -> set[str]:
    """Characters that nobody sees, or that change what others look like."""
    return {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - SHOWN


@pytest.fixture(name="root")
def hostile_store(tmp_path: Path) -> Path:
    """Two runs, one of them with a name that is markup; what they hold is hostile everywhere."""
    root = tmp_path / "runs"
    rows = [{"id": text, "prompt": text, "completion": text, text: {text: [text]}, "parses": False} for text in TEXTS]
    for name in (RUN, EVIL):
        run = make_run(root, name, rows)
        config = {"optimizer.lr": {"value": 0.01, "origin": "a"}}
        config |= {f"model.{text}": {"value": text, "origin": text} for text in TEXTS if text.isprintable()}
        (run / "config.json").write_text(json.dumps(config))
        record = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(json.dumps(record | {"why": " ".join(TEXTS), "command": list(TEXTS)}))
        (run / "environment.json").write_text(json.dumps({text: text for text in TEXTS}))
        (run / "log.txt").write_text("\n".join(TEXTS), encoding="utf-8", errors="surrogatepass")
        evil = run / "evals" / "a<b>&'\"" / "step_00000010"
        evil.mkdir(parents=True)
        (evil / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (evil / "result.json").write_text(json.dumps({"metrics": dict.fromkeys(TEXTS, 0.5)}))
    return root


def client_of(root: Path) -> TestClient:
    client = TestClient(make_app(root, "token"), base_url="http://127.0.0.1:8000")
    client.get("/?token=token")
    return client


def test_no_page_obeys_what_a_model_wrote(root: Path) -> None:
    client = client_of(root)
    own = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
    for event in ("sample_tag", "sample_note"):
        for text in TEXTS:
            said = {"run": RUN, "eval": "completions", "step": 10, "event": event, "places": [0, 3], "text": text}
            sent = json.dumps(said)  # halves of surrogate pairs too, which the client itself would refuse
            answer = client.post("/said", content=sent, headers={**own, "content-type": "application/json"})
            assert answer.status_code < 500, (event, text)
    pages = ["/", "/?group=seeds", "/tree", "/curves", "/parallel", f"/pair/{RUN}/{quote(EVIL)}"]
    for run in (RUN, quote(EVIL)):
        pages += [f"/run/{run}", f"/run/{run}/about", f"/run/{run}/rows?key=train/loss"]
        pages += [f"/run/{run}/samples/{name}/10?order=file" for name in ("completions", quote("a<b>&'\"", safe=""))]
    pages += [f"/run/{RUN}/sample/completions/10?id={quote(text, errors='replace')}" for text in TEXTS]
    pages += [f"/run/{RUN}/rows?key={quote(text, errors='replace')}" for text in TEXTS]
    pages += [f"/?where={quote(text, errors='replace')}" for text in TEXTS]
    for address in pages:
        answer = client.get(address)
        reader = Reader()
        reader.feed(answer.text)
        assert answer.status_code in (200, 404), (address, answer.text)
        assert not reader.wrong, (address, reader.wrong)
        assert not unseen(reader.text), (address, unseen(reader.text))
        assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("names", [(), (RUN,), (RUN, EVIL)])
def test_the_page_that_is_sent_obeys_nothing_either(root: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    write_page(tmp_path / "p.html", root, [root / name for name in names], seed=0, science=dict, upgrade=None)
    text = (tmp_path / "p.html").read_text("utf-8")
    own = re.findall(r"<script>.*?</script>", text, re.DOTALL)  # plotly and our drawing, whose hashes the policy has
    assert len(own) == (2 if names else 0)
    reader = Reader()
    reader.feed(re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL))
    assert not reader.wrong
    assert not unseen(reader.text)


def test_no_terminal_obeys_what_a_model_wrote(root: Path) -> None:
    shown = [*raw_samples(root / RUN, ["completions"], 10), *(_block("LEFT", text) for text in TEXTS)]
    shown += [sample_text(Address(run=RUN, eval="e", step=1, id=text), {"id": text, text: text}) for text in TEXTS]
    for text in shown:
        assert not unseen(text), unseen(text)
        assert "\r" not in text


def test_a_line_without_end_is_cut_in_a_terminal() -> None:
    endless = "x" * 5_000_000
    said = sample_text(
        Address(run=RUN, eval="e", step=1, id="a"), {"id": "a", "completion": endless, "other": [endless]}
    )
    assert len(said) < 3 * MAX_CHARACTERS
    assert f"{5_000_000 - MAX_CHARACTERS:,} more characters" in said
    assert len(_block("LEFT", endless)) < 100_000
