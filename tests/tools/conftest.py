"""Tools as functions, and a small study for tools/runs to answer about."""

import importlib.util
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest

from tests.harness.analysis.stores import write_run

TOOLS = Path(__file__).parents[2] / "tools"
Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str, int], Ask]:
    """A tool by its name, on a screen of so many columns, as if it were called from the folder above `runs`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(TOOLS))

    def of(name: str, columns: int) -> Ask:
        monkeypatch.setenv("COLUMNS", str(columns))
        loader = SourceFileLoader(f"{name}_tool", str(TOOLS / name))
        spec = importlib.util.spec_from_loader(loader.name, loader)
        assert spec is not None
        tool: Any = importlib.util.module_from_spec(spec)
        loader.exec_module(tool)

        def called(*arguments: str) -> tuple[int, str, str]:
            code = tool.main(list(arguments))
            told = capsys.readouterr()
            return code, told.out, told.err

        return called

    return of


@pytest.fixture
def ask(opened: Callable[[str, int], Ask]) -> Ask:
    """The exit code, output and errors of tools/runs."""
    return opened("runs", 160)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A small study: a baseline, two rates, a width with a spike, three seeds of it, and a run that was killed."""
    root = tmp_path / "runs"
    write_run(root, "01_base", number=1, bits=2.5)
    write_run(root, "01_lr_02_02", number=2, bits=2.25, config={"optimizer.lr": 0.02})
    write_run(root, "02_lr_04_03", number=3, bits=2.75, config={"optimizer.lr": 0.04})
    wide = {"optimizer.lr": 0.02, "model.width": 128}
    spiking = [1.0] * 30
    spiking[20] = 9.0
    write_run(root, "02_width_128_04", number=4, bits=2.0, config=wide, losses=spiking)
    for seed, bits in ((2, 2.5), (3, 3.0)):
        write_run(root, f"04_seed_{seed}_0{seed + 3}", number=seed + 3, bits=bits, config={**wide, "seed": seed})
    write_run(
        root, "04_lr_9_07", number=7, bits=None, end=None, config={**wide, "optimizer.lr": 9.0}, losses=[2, "NaN"]
    )
    return root
