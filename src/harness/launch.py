"""Between the launcher and the run, before torch is imported: what was launched, and how a process ends."""

import errno
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from harness.launcher import asked_processes, follow_launcher, under_accelerate

SPEAKING_SECONDS = 5  # that the main process may take longer than the others to find and print a mistake


class Refused(Exception):
    """A mistake of the user's, not of ours; the text says what is wrong and how to mend it. Exit code 2."""


class Failed(Exception):
    """The run cannot go on, and no line of code is to blame (a full disk): the text says it all. Exit code 1.

    `aloud` is False on a rank where it need not be printed, because another rank says it.
    """

    def __init__(self, text: str, *, aloud: bool) -> None:
        super().__init__(text)
        self.aloud = aloud


def launched_processes() -> int:
    """The number of processes that the launcher started, as it says itself (1 when nothing was launched)."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def launch_line(what: str | Path, *, num_processes: int) -> str:
    """The command that trains a config, or goes on with a run, on so many processes of the same machines."""
    if (num_machines := int(os.environ.get("GROUP_WORLD_SIZE", "1"))) > 1:
        return f"on each of the {num_machines} machines accelerate launch as before, with train.py {what}"
    many = f"--multi_gpu --num_processes {num_processes} --num_machines 1 --main_process_port 0 "
    return f"accelerate launch {many if num_processes > 1 else ''}train.py {what}"


def check_world(*, running: int) -> None:
    """Raises Refused unless as many processes run together as were launched, or as the launcher was asked for."""
    meant = max(launched_processes(), asked_processes())
    if meant != running:
        raise Refused(
            f"{meant} processes were launched, but {running} would train together\n"
            f"  help: {launch_line('CONFIG', num_processes=meant)}\n"
            '        works with and without GPUs (train.device = "auto" takes the CPU when there is none)'
        )


def exit_with(main: Callable[[list[str]], int]) -> None:
    """Runs `main` on the command line's arguments and ends the process at once with its exit code. Never returns.

    The interpreter's own shutdown costs 0.4 to 0.7 s after torch is imported, and with gloo it can end a finished run
    with SIGABRT ("terminate called without an active exception"): a thread of the process group is still joinable when
    static objects die. All files are written and all ranks have met by now, so nothing is left to shut down.
    Until there is something to save, Ctrl-C ends the process as SIGTERM does: raised inside an import it would come out
    as that module's own error.
    """
    follow_launcher()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        code = main(sys.argv[1:])
    except Failed as failure:
        if failure.aloud:
            _say(failure)
        code = 1
    except BaseException as error:  # noqa: BLE001 - printed as the interpreter would, and with the rank, before the launcher adds its own noise
        _say_error(error)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def without_output(error: OSError) -> int:
    """The exit code of a tool whose output meets a full disk, which it says in a line. Raises any other error again."""
    if error.errno != errno.ENOSPC or error.filename is not None:  # a file of ours, which says so itself
        raise error
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print(f"the output cannot be written: {error.strerror}", file=sys.stderr)
    return 2


def say_mistake(mistake: Exception) -> None:
    """Prints the mistake once, on the main process, and what to make of the launcher's traceback that follows.

    The launcher kills all processes when the first of them ends, so the others let the main one speak.
    """
    if _rank() == 0:
        _say(mistake)
    else:
        time.sleep(SPEAKING_SECONDS)


def _say(mistake: Exception) -> None:
    print(mistake, file=sys.stderr)
    if under_accelerate():
        mend = (
            "" if "WORLD_SIZE" in os.environ else "; `accelerate launch --quiet` leaves it out"
        )  # of one process only
        print(f"(What follows is accelerate's own report that train.py ended{mend}.)", file=sys.stderr)


def _say_error(error: BaseException) -> None:
    """The traceback below one line that names the rank, in one write: ranks that fail together do not interleave."""
    when = "; ".join(getattr(error, "__notes__", ["before the first step"]))
    where = f"rank {_rank()} of {launched_processes()} failed {when}:\n" if launched_processes() > 1 else ""
    sys.stderr.write(where + "".join(traceback.format_exception(error)))


def _rank() -> int:
    return int(os.environ.get("RANK", "0"))
