"""RUN/EVAL/step_N#ID: the address of one raw sample, as it is printed beside every number that it is a part of.

Ids and texts come from models and from strangers' data, so what is printed of them shows control characters instead of
obeying them. The standard library alone: a run prints addresses at its end.
"""

import re
import unicodedata
from dataclasses import dataclass

from harness.launch import Refused

ADDRESS = re.compile(r"(?P<run>.+?)/(?P<eval>[^/#]+)/step_(?P<step>\d{1,15})#(?P<id>.*)", re.DOTALL)
UNSEEN = ("C", "Zl", "Zp")  # categories of Unicode: controls, formats such as the bidirectional ones, line separators


@dataclass(frozen=True, kw_only=True)
class Address:
    """One row of one eval of one run at one step."""

    run: str  # as it was written: an id, a number, a path
    eval: str
    step: int
    id: str

    def __str__(self) -> str:
        return f"{self.run}/{self.eval}/step_{self.step:08}#{visible(self.id)}"


def is_address(word: str) -> bool:
    """Whether a word is meant to be an address: no run's name has a #."""
    return "#" in word


def parse_address(word: str) -> Address:
    """The parts of an address. Raises Refused."""
    match = ADDRESS.fullmatch(word)
    if match is None:
        raise Refused(
            f"{visible(word)}: no address of a sample\n  help: RUN/EVAL/step_N#ID, as tools/compare prints it"
        )
    return Address(run=match["run"], eval=match["eval"], step=int(match["step"]), id=match["id"])


def visible(text: str, *, keep: str = "") -> str:
    r"""The text with what cannot be seen as \x1b or \u202e, but for the characters in `keep`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in keep or not unicodedata.category(character).startswith(UNSEEN)
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
