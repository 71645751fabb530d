"""Secrets in config files, found by their look. A secret belongs into an environment variable that a file names.

It prints no value: what it finds may end up in a log, and so may the source lines of errors, which pass through here.
It knows the common issuers' prefixes and keys whose name says that a secret follows; it cannot know a secret that looks
like any other word.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from falsework.dump import flat
from falsework.layer import Layer, Spot
from falsework.places import Path, Span

_ISSUED = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a token of GitHub": r"\b(?:gh[opsur]_[A-Za-z0-9]{36}|github_pat_\w{22,})",
    "a token of GitLab": r"\bglpat-[\w-]{20}",
    "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{30,}",
    "an access key of AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a key of Google": r"\bAIza[\w-]{35}",
    "a token of Slack": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a key that begins with sk-": r"\bsk-[\w-]{20,}",
    "a JSON web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+",
    "a password in an address": r"\b\w+://[^\s/:@\"']+:[^\s/@\"']+@",
}
_ANY = re.compile("|".join(f"({pattern})" for pattern in _ISSUED.values()))
_TELLING = {"apikey", "credential", "credentials", "passwd", "password", "secret", "token"}
_PAIR = re.compile(r"""(((?<![\w-])[\w-]++)[ \t"']*+=[ \t]*+["'\[]++)([^"'\n]++)""")  # key = "text
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Leak(NamedTuple):
    """Something that looks like a secret: what it seems to be, and where."""

    what: str
    spot: Spot


def leaks(layer: Layer) -> list[Leak]:
    """In values, keys and comments of one file, in the order of the file."""
    found = {}
    for match in _ANY.finditer(layer.text):
        what = list(_ISSUED)[(match.lastindex or 1) - 1]
        found[layer.text.count("\n", 0, match.start())] = Leak(what, Spot(layer, span=Span(*match.span())))
    for path, value in _values(layer):
        spot = Spot(layer, path, "value")
        if _tells(path, value):
            found.setdefault(spot.place().line - 1, Leak("what its key calls a secret", spot))
    return [found[line] for line in sorted(found)]


def hidden(text: str) -> str:
    """The text with a * for every character of what looks like a secret, or whose key tells; columns stay."""
    text = _ANY.sub(lambda match: "*" * len(match[0]), text)
    return _PAIR.sub(lambda pair: pair[1] + "*" * len(pair[3]) if _tells((pair[2],), pair[3]) else pair[0], text)


def _values(layer: Layer) -> Iterator[tuple[Path, Any]]:
    for path, value in flat(layer.values):
        items = value if isinstance(value, list) else [value]
        yield from ((path, item) for item in items)


def _tells(path: Path, value: Any) -> bool:
    """A text below a key like `api_token`; below `api_token_env` stands the name of a variable, which is no secret."""
    words = str(path[-1]).lower().split("_")
    if not isinstance(value, str) or not value:
        return False
    if words[-1] == "env":
        return not _VARIABLE.fullmatch(value)
    is_key = "_".join(words[-2:]) in ("api_key", "access_key", "private_key")
    return words[-1] not in ("file", "path", "dir") and (is_key or not _TELLING.isdisjoint(words))
