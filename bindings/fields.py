"""What a config field says about itself: a line of documentation and its class. Plain dictionaries for attrs' metadata.

science: changes what is learnt.  speed: changes how fast, not what.  place: where things are on this machine.
"""

import re
from collections.abc import Mapping
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9_\-]{1,64}")


class Misfit(ValueError):
    """A value that does not fit another one; `path` names what is wrong below the validated field."""

    def __init__(self, message: str, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


def named_plainly(_owner: Any, _attribute: Any, value: Mapping[str, Any]) -> None:
    """A validator for tables with names, which become parts of paths and of metrics."""
    for name in value:
        if not _NAME.fullmatch(name):
            raise Misfit("a name has letters, digits, _ and -, up to 64 of them", path=(name,))


def science(doc: str) -> dict[str, str]:
    """A field that changes what is learnt."""
    return {"class": "science", "doc": doc}


def speed(doc: str) -> dict[str, str]:
    """A field that changes how fast the same thing is learnt."""
    return {"class": "speed", "doc": doc}


def place(doc: str) -> dict[str, str]:
    """A field that says where things are or how often something is shown or kept."""
    return {"class": "place", "doc": doc}
