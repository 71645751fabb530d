"""The entry that all tools share: the right Python and path, the same exit codes. No tool's logic is here.

Exit codes: 0 and 1 are the tool's answer, 2 is trouble, 130 an interrupt.
"""

# This is tools/_start.py once falsework is struck (docs/strike.md); until then it waits here, linted and type-checked.

import argparse
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

PROJECT = Path(__file__).absolute().parents[1]
_VENV = PROJECT / ".venv"

sys.path[1:1] = [str(PROJECT), str(PROJECT / "src")]  # this checkout's rooms, whatever is installed
_python = _VENV / "bin" / "python"
if find_spec("accelerate") is None and _python.exists() and Path(sys.prefix) != _VENV:  # many a system has attrs alone
    os.execv(_python, [str(_python), *sys.argv])  # ourselves once more, where the packages are


def parser_of(doc: str | None) -> argparse.ArgumentParser:
    """A parser whose help begins with the tool's own docstring."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def start(main: Callable[[list[str]], int]) -> NoReturn:
    """Run a tool's `main` on the arguments and leave with its exit code."""
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        from harness.launch import without_output

        code = without_output(error)
    sys.exit(code)
