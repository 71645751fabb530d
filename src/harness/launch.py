"""Between the launcher and the run, before torch is imported: what was launched, and how a process ends."""

import os
import sys
import traceback
from collections.abc import Callable

LAUNCH_LINE = "accelerate launch --multi_gpu --num_processes {n} --num_machines 1 --main_process_port 0 train.py CONFIG"


class Refused(Exception):
    """A mistake of the user's, not of ours; the text says what is wrong and how to mend it. Exit code 2."""


def launched_processes() -> int:
    """The number of processes that the launcher started, as it says itself (1 when nothing was launched)."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def check_world(*, running: int) -> None:
    """Raises Refused unless as many processes run together as were launched.

    accelerate 1.15 runs ONE process for `--cpu --num_processes 2` and tells the script nothing, so the launcher's own
    command line is read too where the system shows it.
    """
    meant = max(launched_processes(), _asked_of_accelerate())
    if meant != running:
        raise Refused(
            f"{meant} processes were launched, but {running} would train together\n"
            f"  help: {LAUNCH_LINE.format(n=meant)}\n"
            '        works with and without GPUs (train.device = "auto" takes the CPU when there is none)'
        )


def exit_with(main: Callable[[list[str]], int]) -> None:
    """Runs `main` on the command line's arguments and ends the process at once with its exit code. Never returns.

    The interpreter's own shutdown costs 0.4 to 0.7 s after torch is imported, and with gloo it can end a finished run
    with SIGABRT ("terminate called without an active exception"): a thread of the process group is still joinable when
    static objects die. All files are written and all ranks have met by now, so nothing is left to shut down.
    """
    try:
        code = main(sys.argv[1:])
    except BaseException:  # noqa: BLE001 - printed as the interpreter would, and with the rank, before the launcher adds its own noise
        if launched_processes() > 1:
            print(f"rank {os.environ.get('RANK')} of {launched_processes()} failed:", file=sys.stderr)
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def say_mistake(mistake: Exception) -> None:
    """Prints the mistake once, on the main process, and what to make of the launcher's traceback that follows."""
    if os.environ.get("RANK", "0") != "0":
        return
    print(mistake, file=sys.stderr)
    if _under_accelerate():
        print(
            "(What follows is accelerate's own report that train.py ended; `accelerate launch --quiet` leaves it out.)",
            file=sys.stderr,
        )


def _under_accelerate() -> bool:
    return "ACCELERATE_MIXED_PRECISION" in os.environ


def _asked_of_accelerate() -> int:
    """`--num_processes` on the command line of the `accelerate launch` above this process, or 1."""
    if not _under_accelerate() or "WORLD_SIZE" in os.environ:
        return 1
    import psutil  # comes with accelerate; imported here because config errors must not wait for it

    try:
        parent = psutil.Process().parent()
        words = parent.cmdline() if parent else []
    except psutil.Error:
        return 1
    for at, word in enumerate(words):
        name, _, value = word.partition("=")
        if name in ("--num_processes", "--num-processes"):
            value = value or (words[at + 1] if at + 1 < len(words) else "")
            return int(value) if value.isdigit() else 1
    return 1
