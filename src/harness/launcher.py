"""What `accelerate launch` above this process was asked for, and how its death is noticed. Before torch is imported."""

import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
NUM_PROCESSES = re.compile(r'^\s*"?num_processes"?\s*:\s*(\d+)', flags=re.MULTILINE)  # in YAML and in JSON


def under_accelerate() -> bool:
    """Whether `accelerate launch` started this process."""
    return "ACCELERATE_MIXED_PRECISION" in os.environ


def asked_processes() -> int:
    """How many processes the launcher was asked for and has told nobody about; 1 when there is nothing to find.

    accelerate 1.15 runs ONE process, without a word, for `--cpu --num_processes 2` and for a config file with
    `distributed_type: MULTI_CPU` and `num_processes: 2` (accelerate#2741). Its own command line is the only trace.
    """
    if not under_accelerate() or "WORLD_SIZE" in os.environ:
        return 1
    import psutil  # comes with accelerate; imported here because config errors must not wait for it

    try:
        parent = psutil.Process().parent()
        words = parent.cmdline() if parent else []
    except psutil.Error:
        return 1
    script = next((at for at, word in enumerate(words) if Path(word).name == Path(sys.argv[0]).name), len(words))
    words = words[:script]  # what follows is ours
    written = _option(words, "num_processes")
    if written is None:
        named = _option(words, "config_file")
        path = Path(named) if named else _default_config_file()
        if named or "--cpu" not in words:  # with --cpu accelerate leaves its default file out
            found = NUM_PROCESSES.search(path.read_text("utf-8")) if path.is_file() else None
            written = found[1] if found else None
    return int(written) if written and written.isdigit() else 1


def _option(words: Sequence[str], name: str) -> str | None:
    """The value of `--name value` or `--name=value`, with either kind of dash inside."""
    for at, word in enumerate(words):
        key, _, value = word.partition("=")
        if key.replace("-", "_") == f"__{name}":
            return value or (words[at + 1] if at + 1 < len(words) else None)
    return None


def _default_config_file() -> Path:
    """Where `accelerate config` writes, and `accelerate launch` reads when no file is named."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return Path(os.environ.get("HF_HOME", cache / "huggingface")).expanduser() / "accelerate" / "default_config.yaml"


def follow_launcher() -> None:
    """SIGTERM for this process when its launcher dies, so that the run saves and stops instead of being orphaned.

    `accelerate launch` with one process dies of SIGTERM without passing it on, and with any number of SIGKILL.
    Linux only: elsewhere the signal has to be sent to train.py itself.
    """
    if under_accelerate() and sys.platform == "linux":
        import ctypes  # not every start of a tool should wait for it

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
