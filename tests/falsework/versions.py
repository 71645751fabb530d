"""The toy schema as version 3, and how it came to be; files of all three versions are written against it."""

from collections.abc import Mapping, Sequence
from typing import Any

import falsework
from bindings.migrations import Added, DefaultChanged, Removed, Renamed, ValueMapped
from falsework import Config
from tests.falsework import toy

MIGRATIONS: Mapping[int, Sequence[Any]] = {
    2: (
        Renamed("trainer", "train"),
        Renamed("train.steps", "train.num_steps"),
        Renamed("optimizer<muon>.mom", "optimizer<muon>.momentum"),
        Renamed("eval.*<bits_per_byte>.bytes", "eval.*<bits_per_byte>.max_bytes"),
        Removed("train.legacy", was=False),
        Removed("model<gpt>.unused"),
        ValueMapped("optimizer.kind", {"adam": "adamw"}),
        DefaultChanged("train.seed", was=7),
    ),
    3: (
        Renamed("seed_file", "log.file"),
        ValueMapped("train.device", {"gpu": "cuda"}),
        DefaultChanged("train.seed", was=8),
        DefaultChanged("optimizer<adamw>.weight_decay", was=0.01),
        DefaultChanged("data<python_source>.seq_len", was=64),
        DefaultChanged("log.every_steps", was=10),
        Added("train.num_threads", before=2),
        Added("train.shuffle"),
    ),
}

OPTIONS: dict[str, Any] = {"root": toy.Run, "kinds": toy.KINDS, "schema_version": 3, "migrations": MIGRATIONS}

OLD = """\
schema = 1
why = "old"  # as it was
seed_file = "seeds.txt"  # where they are

[trainer]
# how long
steps = 100  # enough
legacy = false # no longer
device = 'gpu'

  [optimizer]
  kind = "adam"
  lr = 3e-4

[model]
kind = "gpt"
num_layers = { _ref = "trainer.steps" }
max_positions = { _expr = "trainer.steps * 2 + 1" }
unused = [1, 2]

[eval.bits]
kind = "bits_per_byte"
bytes = 5
"""


def load(*names: str) -> Config:
    """The config that the files make today."""
    return falsework.load(names, **OPTIONS)
