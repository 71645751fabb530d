"""Which values a value was made from, and which were made from it."""

from falsework.config import Config
from falsework.places import Path


def paths_read(config: Config, path: Path) -> tuple[Path, ...]:
    """The paths that the value at `path` was made from, by tie, formula or derivation; none if it stands for itself."""
    link = config.links.get(path)
    return link.reads if link else ()


def readers_of(config: Config, path: Path) -> list[Path]:
    """The paths whose values were made from the one at `path`."""
    return [reader for reader in config.links if path in paths_read(config, reader)]
