"""The entry that all tools share: the right Python and path, the same errors and exit codes. No tool's logic is here.

Exit codes: 0 and 1 are the tool's answer, 2 is trouble, 130 an interrupt.
"""

import argparse
import contextlib
import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from falsework import Config

gc.disable()  # a tool lives for a tenth of a second: collecting would take a tenth of that

PROJECT = Path(__file__).absolute().parents[1]
_VENV = PROJECT / ".venv"

sys.path[1:1] = [str(PROJECT), str(PROJECT / "src")]  # this checkout's bindings/ and falsework, whatever is installed
try:
    import cattrs as _cattrs  # noqa: F401  # what every tool needs
except ModuleNotFoundError:
    _python = _VENV / "bin" / "python"
    if not _python.exists() or Path(sys.prefix) == _VENV:
        print("the packages are not here\n  help: make train creates .venv with them", file=sys.stderr)
        raise SystemExit(2) from None
    os.execv(_python, [str(_python), *sys.argv])  # ourselves once more, where the packages are


def parser_of(doc: str | None) -> argparse.ArgumentParser:
    """A parser whose help begins with the tool's own docstring."""
    return _Parser(description=doc, formatter_class=_formatter)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """What is wrong with the arguments. Layers stand beside their file for train.py, and joined to it here."""
        is_layer = message.startswith("unrecognized") and message.endswith(".toml")
        super().error(f"{message}{'; a layer is joined to its file: FILE+LAYER' if is_layer else ''}")


def _formatter(prog: str) -> argparse.HelpFormatter:
    """As wide as the terminal. argparse would import shutil and five compressors to find that out, for no help too."""
    try:
        columns = os.get_terminal_size().columns
    except OSError:  # no terminal
        columns = 120
    return argparse.RawDescriptionHelpFormatter(prog, width=columns - 2)


def load_files(files: Sequence[str]) -> "Config":
    """The config that files make, with this project's schema."""
    from bindings import SCHEMA
    from falsework import load

    return load(files, **SCHEMA)


def load_config(argument: str) -> "Config":
    """The config that one argument means: FILE[+LAYER...], a run directory, REV:FILE."""
    from falsework.revisions import load_argument

    return load_argument(argument, load_files)


def start(main: Callable[[list[str]], int]) -> NoReturn:
    """Run a tool's `main` on the arguments and leave with its exit code."""
    from falsework import ConfigError

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may be bytes that are no text
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
    except OSError as error:
        from harness.launch import without_output

        code = without_output(error)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # our objects are left to the system; collecting them takes longer, and DuckDB reports them as leaks
