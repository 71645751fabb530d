"""What a run changed against another, from the resolved configs of both: keys and values, folded for reading."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.runs.facts import Upgrade

MAX_SHOWN_CHARACTERS = 40  # of one value; a prompt is longer
MAX_NUMBER_CHARACTERS = 8  # a number drawn at random has seventeen digits, of which four tell what it is


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Keys whose values differ; a kind that changed stands for all keys of its table."""
    changed = [key for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)]
    switched = tuple(key.removesuffix("kind") for key in changed if key.endswith(".kind"))
    return [key for key in changed if key.endswith(".kind") or not key.startswith(switched or "\0")]


def changes(
    before: Mapping[str, Any], after: Mapping[str, Any], upgrade: "Upgrade | None" = None
) -> list[dict[str, Any]]:
    """The same of two records of configs, with values and places; `upgrade` takes both to today's names."""
    old, new = (
        {key: entry.get("value") for key, entry in record.items() if isinstance(entry, Mapping)}
        for record in (before, after)
    )
    if upgrade is not None:
        old, new = upgrade(old), upgrade(new)
    return [
        {
            "key": key,
            "was": old.get(key),
            "is": new.get(key),
            "was_origin": (before.get(key) or {}).get("origin"),
            "origin": (after.get(key) or {}).get("origin"),
        }
        for key in changed_keys(old, new)
    ]


def folded(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """All changes on one short line: keys by their last word, those that changed alike (a key and its ties) once."""
    alike: dict[tuple[str, str], list[str]] = {}
    for key in changed_keys(before, after):
        name = key.removesuffix(".kind").rpartition(".")[2]
        alike.setdefault(pair_text(before.get(key), after.get(key)), []).append(name)
    return ", ".join(f"{' = '.join(keys)} {old} → {new}" for (old, new), keys in alike.items())


def value_text(value: Any) -> str:
    """A value of a config as a cell shows it."""
    text = "absent" if value is None else str(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 1] + "…"


def pair_text(was: Any, now: Any) -> tuple[str, str]:
    """Two values as cells show them; long numbers with four digits, unless that would make them the same."""
    brief = _brief(was), _brief(now)
    return brief if brief[0] != brief[1] else (value_text(was), value_text(now))


def _brief(value: Any) -> str:
    is_long = isinstance(value, float) and len(str(value)) > MAX_NUMBER_CHARACTERS
    return f"{value:.4g}" if is_long else value_text(value)
