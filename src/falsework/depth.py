"""How many files one has to read to know an experiment, and one file that says it all."""

from pathlib import Path

from falsework.config import Config
from falsework.layers import shown_path
from falsework.report import visible
from falsework.write import layer_text

MAX_DEPTH = 3  # steps; who reads a file forgets what is further away


def depth(config: Config) -> int:
    """Steps of `extends` from the experiment to its furthest base."""
    layers = {layer.name: layer for layer in config.files}

    def below(name: str) -> int:
        bases = [shown_path(Path(name).parent / base) for base in layers[name].extends] if name in layers else []
        return max((1 + below(base) for base in bases), default=0)

    return below(config.stack.experiment.name)


def flatten(config: Config, note: str) -> str:
    """One file without `extends` that stands for all of the config's files, ties and formulas kept; a note on top.

    What only defaults say stays unsaid, as in any file that people write; `Config.toml()` says everything.
    """
    head = {"schema": config.schema_version, "why": config.why}
    said = {key: value for key, value in head.items() if value}
    return f"# {visible(note)}\n{layer_text(said, config.merged.tree)}"
