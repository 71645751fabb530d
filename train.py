"""Trains one experiment: accelerate launch train.py FILE [LAYER ...]   or   accelerate launch train.py RUN_DIR

FILE is an experiment (configs/22_lr_001_23.toml); each LAYER is a TOML file on top of it, applied left to right
(configs/profiles/cpu_debug.toml). FILE may also be Python that defines `run = Run(...)`, without layers. RUN_DIR goes
on with a run that was stopped or killed. Arguments are files: to change a value, write a file.

examples:
  accelerate launch train.py configs/22_lr_001_23.toml
  accelerate launch train.py configs/22_lr_001_23.toml configs/profiles/cpu_debug.toml
  accelerate launch --multi_gpu --num_processes 2 --num_machines 1 --main_process_port 0 train.py FILE
"""

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

if find_spec("accelerate") is None:
    print("the packages are not here\n  help: . .venv/bin/activate, which make train creates", file=sys.stderr)
    raise SystemExit(2)

from bindings import SCHEMA, SCHEMA_VERSION, Run
from bindings.assemble import check_launch, train
from bindings.experiment import from_file, from_record
from bindings.plain import to_plain
from falsework import Config, ConfigError, load
from falsework.dump import to_toml
from falsework.layers import split_argument
from harness.launch import Refused, exit_with, say_mistake
from harness.record import Experiment
from harness.run_directory import is_run_directory


def main(arguments: list[str]) -> int:
    """Loads the config, checks the launch, trains. Returns the exit code, 2 for a mistake that was printed."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    arguments = [file for argument in arguments for file in split_argument(argument)]  # FILE+LAYER, as tools take it
    try:
        run_path = _run_to_go_on_with(arguments)
        run, experiment = chosen(arguments)
        check_launch(run)
        train(run, experiment, run_path=run_path)
    except (ConfigError, Refused) as mistake:
        say_mistake(mistake)
        return 2
    return 0


def chosen(arguments: list[str]) -> tuple[Run, Experiment]:
    """What the arguments mean, and what its record is to keep. Raises ConfigError or Refused."""
    first = Path(arguments[0])
    if first.suffix == ".py":
        if len(arguments) > 1:
            raise Refused(
                f"{first} is Python, and layers go on TOML\n  help: bindings.override makes a variant of a run"
            )
        run, experiment = from_file(first)
        config_toml = to_toml(to_plain(run), schema_version=SCHEMA_VERSION, why=experiment.why).encode()
        return run, replace(experiment, files={"config.toml": config_toml, **experiment.files})
    if is_run_directory(first) and not (first / "config.toml").exists():
        return from_record(first)  # made by a project without falsework
    config = load(arguments, **SCHEMA, for_this_machine=True)
    return config.value, experiment_of(config)


def experiment_of(config: Config) -> Experiment:
    """The config as the plain data that the record keeps."""
    layers = {f"layers/{number:02}_{Path(file.name).name}": file.data for number, file in enumerate(config.files)}
    return Experiment(
        name=config.name,
        why=config.why,
        config=config.flat(),
        origins=config.origins(),
        files={"config.toml": config.toml().encode(), **layers},
        fingerprint=config.fingerprint,
        fingerprints=config.fingerprints,
        notes=[str(upgrade) for upgrade in config.upgrades],
    )


def _run_to_go_on_with(arguments: list[str]) -> Path | None:
    first = Path(arguments[0])
    if not is_run_directory(first):
        return None
    if len(arguments) > 1:
        raise Refused(
            f"{first} is a run, and a run goes on with its own config\n"
            f"  help: for a new run of it with layers on top: train.py {first}/config.toml {' '.join(arguments[1:])}"
        )
    return first


if __name__ == "__main__":
    exit_with(main)
