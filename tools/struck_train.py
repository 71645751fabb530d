"""Trains one experiment: accelerate launch train.py FILE   or   accelerate launch train.py RUN_DIR

FILE is a Python file that defines `run = Run(...)` (experiments/22_lr_001_23.py). RUN_DIR goes on with a run that was
stopped or killed. Arguments are files: to change a value, write a file.

examples:
  accelerate launch train.py experiments/22_lr_001_23.py
  accelerate launch --multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0 train.py FILE
"""

# This is train.py once falsework is struck (docs/strike.md); until then it waits here, linted and type-checked.

import sys
from importlib.util import find_spec
from pathlib import Path

if find_spec("accelerate") is None:
    print("the packages are not here\n  help: . .venv/bin/activate, which make train creates", file=sys.stderr)
    raise SystemExit(2)

from bindings.assemble import check_launch, train
from bindings.experiment import from_file, from_record
from harness.launch import Refused, exit_with, say_mistake
from harness.run_directory import is_run_directory


def main(arguments: list[str]) -> int:
    """Reads the experiment, checks the launch, trains. Returns the exit code, 2 for a mistake that was printed."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    try:
        path = _only(arguments)
        is_run = is_run_directory(path)
        run, experiment = from_record(path) if is_run else from_file(path)
        check_launch(run)
        train(run, experiment, run_path=path if is_run else None)
    except Refused as mistake:
        say_mistake(mistake)
        return 2
    return 0


def _only(arguments: list[str]) -> Path:
    if len(arguments) > 1:
        raise Refused(f"one file, and not {len(arguments)}\n  help: bindings.override makes a variant of a run")
    return Path(arguments[0])


if __name__ == "__main__":
    exit_with(main)
