"""What a config field says about itself: a line of documentation and its class. Plain dictionaries for attrs' metadata.

science: changes what is learnt.  speed: changes how fast, not what.  place: where things are on this machine.
"""


class Misfit(ValueError):
    """A value that does not fit another one; `path` names what is wrong below the validated field."""

    def __init__(self, message: str, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


def science(doc: str) -> dict[str, str]:
    """A field that changes what is learnt."""
    return {"class": "science", "doc": doc}


def speed(doc: str) -> dict[str, str]:
    """A field that changes how fast the same thing is learnt."""
    return {"class": "speed", "doc": doc}


def place(doc: str) -> dict[str, str]:
    """A field that says where things are or how often something is shown or kept."""
    return {"class": "place", "doc": doc}
