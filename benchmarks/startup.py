"""How soon an answer comes that needs no torch: a config error, and a diff of two configs, as whole processes.

    python benchmarks/startup.py [--rounds N] [--json FILE]

- `python train.py broken.toml` against `python -c "import torch"`: at most 0.2x.
- `tools/diff_configs A B` of two experiments against `python -c "import attrs, cattrs, tomllib"`: at most 1.6x.

Exit code 0 when both goals are met, 1 when not. This file goes with falsework.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.rounds import ROOT, Case, Goal, measure, parse_rounds

CONFIG = "configs/22_lr_001_23.toml"
OTHER_CONFIG = "configs/22_lr_0003_24.toml"


def main() -> int:
    """Measures, prints, and says with the exit code whether every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments = parse_rounds(parser)
    python = sys.executable
    with tempfile.TemporaryDirectory() as name:
        broken = Path(name) / "broken.toml"
        base = Path(os.path.relpath(ROOT / CONFIG, name)).as_posix()
        broken.write_text(f'extends = "{base}"\n\n[optimzer]\nlr = "high"\n')
        cases = [
            Case(name="train.py broken.toml", command=[python, "train.py", broken], exit_code=2),
            Case(name="import torch", command=[python, "-c", "import torch"]),
            Case(name="diff_configs", command=[python, "tools/diff_configs", CONFIG, OTHER_CONFIG], exit_code=1),
            Case(name="import attrs, cattrs, tomllib", command=[python, "-c", "import attrs, cattrs, tomllib"]),
        ]
        goals = [
            Goal(ours="train.py broken.toml", peer="import torch", at_most=0.2),
            Goal(ours="diff_configs", peer="import attrs, cattrs, tomllib", at_most=1.6),
        ]
        return measure(cases, goals, num_rounds=arguments.rounds, json_file=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
