"""Checks a folder of experiments as a whole: what one config cannot know about itself.

    check_folder(folder, load=..., naming=...) -> Report

Every file loads, and with every profile of `profiles/`, and with this machine's own machine.toml, on it. Of numbered
experiments: numbers are unique, parents exist, names tell the truth, each says why. Everywhere: no secrets. Warnings:
lines that change nothing, long chains. Files in other folders below, and machine.toml, are not experiments. How
experiments are named is not known here.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from falsework.claims import untruths
from falsework.config import Config
from falsework.dead import dead_overrides
from falsework.depth import MAX_DEPTH, depth
from falsework.layers import PROFILES, shown_path, toml_files
from falsework.leaks import leaks
from falsework.naming import Name, Naming
from falsework.origins import spot_name
from falsework.paths import dotted
from falsework.problems import ConfigError, Problem
from falsework.read import read_layer
from falsework.report import render, visible
from falsework.revisions import Load

NOT_EXPERIMENTS = ("machine.toml",)


class Finding(NamedTuple):
    """One thing that is wrong (`error`) or could be better (`warning`); `text` is for people, place first."""

    level: str
    rule: str
    file: str
    text: str


class Report(NamedTuple):
    """Everything that was found, and how much was looked at."""

    findings: list[Finding]
    num_experiments: int
    num_profiles: int

    @property
    def num_errors(self) -> int:
        """Findings that have to be mended."""
        return sum(finding.level == "error" for finding in self.findings)


def text_of(report: Report) -> str:
    """The findings, then one line that counts them."""
    num_warnings = len(report.findings) - report.num_errors
    counted = f"{_many(report.num_errors, 'error')}, {_many(num_warnings, 'warning')}"
    looked_at = (
        f"{_many(report.num_experiments, 'experiment')}, each alone and with {_many(report.num_profiles, 'profile')}"
    )
    return "\n".join([*(f"{finding.level} {finding.text}" for finding in report.findings), f"{counted} in {looked_at}"])


def json_of(report: Report) -> str:
    """The same for scripts."""
    import json

    return json.dumps({**report._asdict(), "findings": [finding._asdict() for finding in report.findings]}, indent=2)


FORMATS: dict[str, Callable[[Report], str]] = {"text": text_of, "json": json_of}


class _Folder(NamedTuple):
    """The files of one folder, what loads of them, and what their names say."""

    experiments: dict[str, Config | None]
    on_top: list[str]  # profiles, and machine.toml
    names: dict[str, Name]
    load: Load


def check_folder(folder: str, *, load: Load, naming: Naming) -> Report:
    """All findings, file by file. Raises ConfigError when there is no such folder, or nothing in it."""
    files = _toml_files(folder)
    if os.path.isfile(folder):
        mend = f"name {shown_path(os.path.dirname(folder) or '.')}; tools/explain FILE checks one"
        raise ConfigError([Problem("a file, and a folder is checked as a whole", where=folder, help=mend)])
    if not files:
        raise ConfigError([Problem("no experiments here: no TOML file in this folder", where=folder)])
    profiles = _toml_files(os.path.join(folder, PROFILES))
    names = {file: name for file in files if (name := naming.parse_name(Path(file).stem)) is not None}
    found: dict[Finding, None] = {}
    configs: dict[str, Config | None] = {}
    for file in files:
        configs[file], problems = _try(load, [file])
        found.update(dict.fromkeys(problems))
    machine = [file for name in NOT_EXPERIMENTS if os.path.lexists(file := shown_path(os.path.join(folder, name)))]
    checked = _Folder(configs, [*profiles, *machine], names, load)
    for rule in (_profiles, _numbers, _names, _whys, _chains, _dead, _secrets):
        found.update(dict.fromkeys(rule(checked)))
    order = {file: number for number, file in enumerate([*files, *checked.on_top])}
    return Report(sorted(found, key=lambda finding: order.get(finding.file, len(order))), len(files), len(profiles))


def _toml_files(folder: str) -> list[str]:
    paths = [path for path in toml_files(folder) if path.name not in NOT_EXPERIMENTS and path.name[0] != "."]
    return [shown_path(path) for path in paths]


def _try(load: Load, files: list[str]) -> tuple[Config | None, list[Finding]]:
    try:
        return load(files), []
    except ConfigError as error:
        return None, [_load_finding(problem, files[-1]) for problem in error.problems]


def _load_finding(problem: Problem, file: str) -> Finding:
    return Finding("error", "loads", problem.spot.layer.name if problem.spot else file, render(problem))


def _profiles(folder: _Folder) -> Iterator[Finding]:
    """Every layer for all experiments on each that loads without it; a problem of many experiments is told once."""
    for profile in folder.on_top:
        told: dict[Finding, list[str]] = {}
        for file in folder.experiments:
            if folder.experiments[file] is not None:
                for finding in _try(folder.load, [file, profile])[1]:
                    told.setdefault(finding, []).append(file)
        for finding, files in told.items():
            others = f" and {len(files) - 1} more" if len(files) > 1 else ""
            text = f"{finding.text}\n  note: with {Path(profile).stem} on {files[0]}{others}"
            yield finding._replace(rule="profiles", text=text)


def _numbers(folder: _Folder) -> Iterator[Finding]:
    first: dict[int, str] = {}
    for file, name in folder.names.items():
        owner = first.setdefault(name.number, file)
        if owner != file:
            yield _finding("numbers", file, f"{owner} has the number {name.number:02} too")
    for file, name in folder.names.items():
        if name.parent is not None and name.parent not in first:
            yield _finding("parents", file, f"there is no experiment {name.parent:02}, which its name calls its parent")
        elif name.parent is not None and name.parent >= name.number:
            yield _finding("parents", file, f"its parent {name.parent:02} is not older than itself")


def _names(folder: _Folder) -> Iterator[Finding]:
    by_number = {name.number: file for file, name in reversed(folder.names.items())}
    for file, name in folder.names.items():
        child = folder.experiments[file]
        parent = folder.experiments.get(by_number.get(name.parent, "") if name.parent is not None else "")
        if child is not None and parent is not None and child is not parent:
            yield from (_finding("names", file, wrong) for wrong in untruths(name.change, parent, child))


def _whys(folder: _Folder) -> Iterator[Finding]:
    for file in folder.names:
        config = folder.experiments[file]
        if config is not None and not config.why.strip():
            yield _finding("why", file, 'it does not say why\n  help: write why = "what this run is to tell"')


def _chains(folder: _Folder) -> Iterator[Finding]:
    for file, config in folder.experiments.items():
        steps = depth(config) if config is not None else 0
        if steps > MAX_DEPTH:
            text = f"extends is {steps} steps deep\n  help: tools/flatten {file} prints it whole"
            yield _finding("depth", file, text, "warning")


def _dead(folder: _Folder) -> Iterator[Finding]:
    for file, config in folder.experiments.items():
        for path, spot, earlier in dead_overrides(config) if config is not None else ():
            what = f"{dotted(path)}: changes nothing: {earlier} says the same"
            yield _finding("dead", file, what, "warning", spot_name(spot))


def _secrets(folder: _Folder) -> Iterator[Finding]:
    for file in (*folder.experiments, *folder.on_top):
        try:
            layer = read_layer(Path(file), file)
        except (ConfigError, OSError):
            continue  # reported above
        for leak in leaks(layer):
            mend = "take it away, here and out of git's history, and name an environment variable instead"
            what = f"this looks like {leak.what}\n  help: {mend}"
            yield _finding("secrets", file, what, place=spot_name(leak.spot))


def _finding(rule: str, file: str, what: str, level: str = "error", place: str = "") -> Finding:
    return Finding(level, rule, file, visible(f"{place or file}: {what}", keep="\n"))


def _many(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
