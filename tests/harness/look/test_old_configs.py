"""Runs of an older schema: the pages speak of their configs by today's names, wherever two are compared."""

import re
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from harness.look.server import make_app
from tests.harness.analysis.stores import BASE, write_run


def upgrade(config: dict[str, Any]) -> dict[str, Any]:
    return {key.replace("optimizer.step_size", "optimizer.lr"): value for key, value in config.items()}


def test_a_renamed_key_is_no_difference(tmp_path: Path) -> None:
    old = write_run(tmp_path, "01_base", number=1)
    (old / "config.json").write_text((old / "config.json").read_text().replace("optimizer.lr", "optimizer.step_size"))
    new = write_run(tmp_path, "01_width_128_02", number=2, config={"model.width": 128})
    client = TestClient(make_app(tmp_path, "token", upgrade=upgrade), base_url="http://127.0.0.1:8000")
    client.get("/?token=token")
    for page in (f"/run/{new.name}/about", f"/pair/{old.name}/{new.name}"):
        answer = client.get(page)
        assert answer.status_code == 200
        table = answer.text.split("</thead>")[1].split("</table>")[0]  # the first one says what changed
        assert re.findall(r'<th scope="row"><code>(.*?)</code>', table) == ["model.width"]
    assert "optimizer.lr" in BASE
