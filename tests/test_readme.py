"""What the README of this project says of its own experiments; it goes with falsework."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_what_the_readme_says_of_two_configs_is_what_is_printed() -> None:
    command = "diff_configs configs/10_steps_1200_11.toml configs/22_lr_001_23.toml"
    shown = (ROOT / "README.md").read_text("utf-8").partition(f"$ tools/{command}\n")[2].partition("```")[0]
    words = [sys.executable, *f"tools/{command}".split()]
    assert subprocess.run(words, cwd=ROOT, check=False, capture_output=True, text=True).stdout == shown != ""
