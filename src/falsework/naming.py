"""What has to be told here about the names of experiments, which another floor reads and spells."""

from typing import Protocol


class Name(Protocol):
    """What the name of an experiment says."""

    @property
    def parent(self) -> int | None:
        """The number of the experiment that it changes."""

    @property
    def change(self) -> str:
        """What it changes, in words."""

    @property
    def number(self) -> int:
        """Its own."""


class Naming(Protocol):
    """How experiments are named."""

    def parse_name(self, experiment: str) -> Name | None:
        """The parts of a name; None for one that is not numbered."""

    def child_name(self, parent: int, change: str, number: int) -> str:
        """The whole name. ValueError for a change that cannot stand in one."""
