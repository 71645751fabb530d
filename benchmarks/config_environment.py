"""The environment of the config benchmark's peers: .bench/ in the project, made when it is missing.

Nothing is installed beside the project's own packages, and what pip prints is shown only when it fails. This
file goes with falsework.
"""

import subprocess
import sys

from benchmarks.rounds import ROOT

FOLDER = ROOT / ".bench"
PYTHON = FOLDER / "bin" / "python"
REQUIREMENTS = ROOT / "benchmarks" / "config_peers.txt"
_STAMP = FOLDER / "installed.txt"


def make_environment() -> None:
    """Installs the pinned peers, all at once; if that fails, one by one, and says which are left out and why."""
    wanted = REQUIREMENTS.read_text()
    if PYTHON.exists() and _STAMP.exists() and _STAMP.read_text() == wanted:
        return
    print(f"installing the peers of {REQUIREMENTS.name} into {FOLDER.name}/ (once)", flush=True)
    subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
    if _installed("--requirement", str(REQUIREMENTS)) is not None:
        for line in wanted.splitlines():
            failure = None if line.startswith("#") else _installed(line)
            if failure is not None:
                print(f"{line} does not install and is left out: {failure}")
    _STAMP.write_text(wanted)


def _installed(*arguments: str) -> str | None:
    """What pip says last when it fails."""
    words = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return (said or ["no reason given"])[-1] if done.returncode else None
