"""What tools/compare does with its arguments: finds the runs, asks, prints. Each function gives the exit code."""

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.analysis.config_changes import changed_keys
from harness.analysis.find import find_run
from harness.comparison.address import is_address, parse_address
from harness.comparison.sample_text import find_last_sample, find_sample, sample_text
from harness.launch import Refused
from harness.rows import finite


def compare(options: Namespace) -> int:
    """Two runs, or the sample at an address, as the words say. 1 when a score is better or worse, else 0."""
    if any(map(is_address, options.words)):
        return _samples(options)
    if len(options.words) != 2:
        raise Refused("a comparison takes two runs\n  help: tools/compare A B, or tools/compare RUN/EVAL/step_N#ID")
    from harness.comparison.two_runs import check_installed

    a, b = (find_run(options.root, word) for word in options.words)
    if a.resolve() == b.resolve():
        raise Refused(f"{a.name} twice: a run differs in nothing from itself\n  help: tools/runs names the others")
    check_installed()
    return _runs(a, b, options)


def _runs(a: Path, b: Path, options: Namespace) -> int:
    from harness.analysis.screen import screen_width
    from harness.comparison.screen import Told, comparison_text
    from harness.comparison.seed_groups import between_runs, seed_groups
    from harness.comparison.two_runs import compare_runs

    compared, not_compared = compare_runs(a, b, name=options.eval, step=options.step)
    groups = seed_groups(a, b, science=options.science, upgrade=options.upgrade)
    told = Told(
        a=a,
        b=b,
        changes=_changes(a, b, options),
        compared=compared,
        not_compared=not_compared,
        groups=groups,
        between=between_runs(groups, compared, step=options.step),
    )
    if options.format == "json":
        plain = finite(asdict(told))
        print(json.dumps(plain, indent=1, ensure_ascii=False, default=str))
    else:
        print(comparison_text(told, num_flips=options.flips, width=screen_width()), end="")
    return 1 if any(one.verdict.word != "cannot tell" for one in compared) else 0


def _samples(options: Namespace) -> int:
    """The raw sample at an address, and the same item of the other run when one is named too."""
    addresses = {word: parse_address(word) for word in options.words if is_address(word)}
    first = next(iter(addresses.values()))
    told = []
    for word in options.words:
        if word in addresses:
            address = addresses[word]
            told.append(sample_text(address, find_sample(find_run(options.root, address.run), address)))
        else:
            told.append(sample_text(*find_last_sample(find_run(options.root, word), first)))
    print("\n".join(told), end="")
    return 0


def _changes(a: Path, b: Path, options: Namespace) -> Sequence[Mapping[str, Any]]:
    """What the resolved configs differ in, with the place that set it in each run."""
    (old, old_places), (new, new_places) = (_config(run, options) for run in (a, b))
    return [
        {
            "key": key,
            "was": old.get(key),
            "is": new.get(key),
            "was_origin": old_places.get(key),
            "origin": new_places.get(key),
        }
        for key in changed_keys(old, new)
    ]


def _config(run: Path, options: Namespace) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The values under today's names, and where each was set."""
    try:
        recorded = json.loads((run / "config.json").read_bytes())
        values = options.upgrade({key: entry["value"] for key, entry in recorded.items()})
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Refused(f"{run / 'config.json'}: cannot be read: {error!r}") from error
    return values, {key: entry.get("origin") for key, entry in recorded.items()}
