"""Which values a value was made from, and which were made from it."""

from falsework.config import Config
from falsework.places import Path


def paths_read(config: Config, path: Path) -> tuple[Path, ...]:
    """The paths that the value at `path` was made from: a tie's target; none for a value that stands for itself."""
    target = config.ties.get(path)
    return (target,) if target else ()


def readers_of(config: Config, path: Path) -> list[Path]:
    """The paths whose values were made from the one at `path`."""
    return [reader for reader in config.ties if path in paths_read(config, reader)]
