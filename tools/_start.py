"""The entry that all tools share: the right Python and path, the same errors and exit codes. No tool's logic is here.

Exit codes: 0 and 1 are the tool's answer, 2 is trouble, 130 an interrupt.
"""

import os
import sys
from collections.abc import Callable
from typing import NoReturn

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_VENV_PYTHON = os.path.join(ROOT, ".venv", "bin", "python")

for _room in (ROOT, os.path.join(ROOT, "src")):  # bindings/ and falsework, when nothing is installed
    if _room not in sys.path:
        sys.path.append(_room)
try:
    import cattrs as _cattrs  # noqa: F401  # what every tool needs, and it needs attrs
except ModuleNotFoundError:
    if not os.path.exists(_VENV_PYTHON) or sys.prefix == os.path.dirname(os.path.dirname(_VENV_PYTHON)):
        raise
    os.execv(_VENV_PYTHON, [_VENV_PYTHON, *sys.argv])


def start(main: Callable[[list[str]], int]) -> NoReturn:
    """Run a tool's `main` on the arguments and leave with its exit code."""
    from falsework import ConfigError

    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except ConfigError as error:
        print(error, file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
