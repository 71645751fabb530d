"""A resolved tree as TOML text, as a fingerprint and as dotted keys. It holds no directives: any reader can load it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from falsework.layer import Tree
from falsework.places import Path


def to_toml(tree: Tree, *, schema_version: int, why: str) -> str:
    """`schema` and `why` first, then the tree in its own order. Equal trees give equal bytes."""
    import tomli_w

    head: Tree = {"schema": schema_version}
    if why:
        head["why"] = why
    return tomli_w.dumps({**head, **tree}, multiline_strings=False)


def fingerprint(tree: Tree) -> str:
    """sha256 over the tree as canonical JSON (sorted keys, no blanks)."""
    import hashlib
    import json

    canonical = json.dumps(tree, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def flat(tree: Tree, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf with its path; a list is a leaf, and so is a table without keys."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flat(value, (*path, key))
        else:
            yield (*path, key), value
