"""Who is answered by the page, and what it never serves."""

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from harness.look.server import make_app
from tests.browser.stores import RUN, make_run

TOKEN = "the-token"
OWN = {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}
SAID = {"run": RUN, "eval": "completions", "step": 10, "event": "pass", "places": [0], "text": ""}


@pytest.fixture
def page(tmp_path: Path) -> TestClient:
    make_run(tmp_path / "runs", rows=[{"id": "a", "completion": "text"}])
    (tmp_path / "secret.txt").write_text("secret")
    client = TestClient(make_app(tmp_path / "runs", TOKEN), base_url="http://127.0.0.1:8000")
    client.get(f"/?token={TOKEN}")
    return client


def test_without_the_token_nothing_is_answered(page: TestClient) -> None:
    assert page.get(f"/run/{RUN}").status_code == 200
    page.cookies.clear()
    assert page.get(f"/run/{RUN}").status_code == 403
    assert page.get("/static/look.css").status_code == 403
    assert page.get("/?token=other").status_code == 403
    assert page.post("/said", json=SAID, headers=OWN).status_code == 403


def test_the_cookie_is_for_no_script_and_no_other_site(page: TestClient) -> None:
    given = page.get(f"/?token={TOKEN}").headers["set-cookie"]
    assert "HttpOnly" in given
    assert "SameSite=strict" in given


HOSTS_OF_OTHERS = [
    "attacker.invalid",
    "127.0.0.1.attacker.invalid",
    "127.0.0.1@attacker.invalid",
    "127.0.0.1:8000.attacker.invalid",
    "127.0.0.1/attacker.invalid",
    "127.1",
    "",
]


@pytest.mark.parametrize("host", HOSTS_OF_OTHERS)
def test_a_name_that_somebody_pointed_here_is_refused(page: TestClient, host: str) -> None:
    assert page.get(f"/run/{RUN}", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://attacker.invalid", "sec-fetch-site": "cross-site"},
        {"origin": "http://127.0.0.1:9999", "sec-fetch-site": "same-site"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8000", "sec-fetch-site": "cross-site"},
        {"referer": "http://attacker.invalid/http://127.0.0.1:8000/"},
    ],
)
def test_only_the_page_itself_may_change_something(page: TestClient, tmp_path: Path, headers: dict[str, str]) -> None:
    assert page.post("/said", json=SAID, headers=headers).status_code == 403
    assert not (tmp_path / "runs/notes").exists()


def test_the_page_itself_may(page: TestClient, tmp_path: Path) -> None:
    assert page.post("/said", json=SAID, headers=OWN).json()["samples"][0]["mark"] == "pass"
    assert len(list((tmp_path / "runs/notes").iterdir())) == 1


def test_no_script_of_others_runs_and_no_other_origin_reads(page: TestClient) -> None:
    headers = page.get(f"/run/{RUN}").headers
    assert "script-src 'self';" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert not any(name.startswith("access-control") for name in headers)
    scripted = {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"}
    assert page.get("/static/samples.js", headers=scripted).status_code == 403


@pytest.mark.parametrize(
    "address",
    [
        "/run/%2e%2e/about",
        "/run/%2e%2e%2fsecret.txt",
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        f"/run/{RUN}/samples/..%2f..%2f..%2f/10",
        "/?where=run+in+(select+content+from+read_text('/etc/passwd'))",
        "/?where=1=1;+copy+runs+to+'stolen.csv'",
        "/?sort=(select+content+from+read_text('../secret.txt'))",
    ],
)
def test_nothing_outside_the_runs_is_served(page: TestClient, address: str) -> None:
    answer = page.get(address)
    assert answer.status_code == 404
    assert "root:" not in answer.text


def test_a_run_that_is_a_link_to_elsewhere_is_not_shown(page: TestClient, tmp_path: Path) -> None:
    make_run(tmp_path / "elsewhere", "02_other-20261123T180000Z-0002")
    (tmp_path / "runs/02_link-20261123T180000Z-0002").symlink_to(tmp_path / "elsewhere/02_other-20261123T180000Z-0002")
    assert page.get("/run/02_link-20261123T180000Z-0002").status_code == 404
    assert "02_link" not in page.get("/").text, "nor are its numbers"
    samples = tmp_path / "runs" / RUN / "evals/completions/step_00000010/samples.jsonl"
    samples.unlink()
    samples.symlink_to(tmp_path / "secret.txt")
    assert page.get(f"/run/{RUN}").status_code == 404


def test_half_a_surrogate_pair_anywhere_is_shown_and_can_be_marked(tmp_path: Path) -> None:
    make_run(tmp_path, rows=[{"id": "\ud800x", "completion": "\udfff", "\ud801": 1}])
    client = TestClient(make_app(tmp_path, TOKEN), base_url="http://127.0.0.1:8000")
    client.get(f"/?token={TOKEN}")
    assert "U+DFFF" in client.get(f"/run/{RUN}").text
    assert client.post("/said", json=SAID, headers=OWN).json()["samples"][0]["mark"] == "pass"
    assert 'data-mark="pass"' in client.get(f"/run/{RUN}").text


def test_a_run_and_a_note_that_are_no_unicode_leave_the_others_shown(tmp_path: Path) -> None:
    make_run(tmp_path, rows=[{"id": "a", "completion": "b"}])
    make_run(tmp_path, "02_\udc80-20261123T180000Z-0002")
    (tmp_path / "notes").mkdir()
    note = {
        "event": "sample_note",
        "t": 1.0,
        "run": RUN,
        "eval": "completions",
        "step": 10,
        "id": "a",
        "text": "\udc80",
    }
    (tmp_path / "notes/other.jsonl").write_text(json.dumps(note) + "\n")
    client = TestClient(make_app(tmp_path, TOKEN), base_url="http://127.0.0.1:8000")
    client.get(f"/?token={TOKEN}")
    assert "01_hostile" in client.get("/").text
    assert client.post("/said", json=SAID, headers=OWN).json()["samples"][0]["notes"] == ["?"]


def test_a_row_nested_too_deep_for_a_parser_is_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path, rows=[{"id": "a", "completion": "seen"}])
    with (run / "evals/completions/step_00000010/samples.jsonl").open("a") as file:
        file.write('{"id":"b","completion":' + "[" * 100_000 + "]" * 100_000 + "}\n")
    client = TestClient(make_app(tmp_path, TOKEN), base_url="http://127.0.0.1:8000")
    client.get(f"/?token={TOKEN}")
    assert "seen" in client.get(f"/run/{RUN}").text
