"""The registry: the one place where names, schemas and constructors meet. Grep for a kind and land on its class.

Module level imports only attrs and the standard library, so that config tools start without torch; whatever is heavy is
imported inside the build functions. Nothing here knows TOML: the classes work from Python alone.
"""

# goes with falsework
from typing import Any

from bindings import (
    activations,
    average,
    compilation,
    data,
    evals,
    init,
    mirrors,
    model,
    non_finite,
    optimizer,
    parallel,
    precision,
    profile,
    schedule,
    sources,
)
from bindings.derived import DERIVED  # goes with falsework
from bindings.elsewhere import ELSEWHERE  # goes with falsework
from bindings.migrations import MIGRATIONS  # goes with falsework
from bindings.run import Run

ROOT = Run
SCHEMA_VERSION = 2
KINDS: dict[object, dict[str, type]] = {
    model.Model: model.KINDS,
    data.Data: data.KINDS,
    sources.Source: sources.KINDS,
    optimizer.Optimizer: optimizer.KINDS,
    schedule.Schedule: schedule.KINDS,
    evals.Eval: evals.KINDS,
    precision.Precision: precision.KINDS,
    profile.Profile: profile.KINDS,
    parallel.Parallel: parallel.KINDS,
    mirrors.Mirror: mirrors.KINDS,
    init.Init: init.KINDS,
    average.Average: average.KINDS,
    compilation.Compile: compilation.KINDS,
    activations.Activations: activations.KINDS,
    non_finite.NonFinite: non_finite.KINDS,
}

# All that falsework is told, as load(files, **SCHEMA); it goes with falsework.
SCHEMA: dict[str, Any] = {
    "root": ROOT,
    "kinds": KINDS,
    "schema_version": SCHEMA_VERSION,
    "derived": DERIVED,
    "migrations": MIGRATIONS,
    "elsewhere": ELSEWHERE,
}

__all__ = [
    "DERIVED",  # goes with falsework
    "KINDS",
    "MIGRATIONS",  # goes with falsework
    "ROOT",
    "SCHEMA",  # goes with falsework
    "SCHEMA_VERSION",
    "Run",
]
