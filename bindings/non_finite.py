"""[train.non_finite]: what happens at a step whose loss or gradient is not finite; the weights never take it."""

from attrs import field, frozen
from attrs.validators import ge

from bindings.fields import science


@frozen(kw_only=True)
class Raise:
    """The run ends with an error; the last checkpoint and the steps before are in its directory."""

    def max_skipped_steps(self) -> int:
        """None is skipped."""
        return 0


@frozen(kw_only=True)
class Skip:
    """The step is left out and counted; the run ends when there are too many."""

    max_steps: int = field(default=10, validator=ge(1), metadata=science("steps of a run that may be left out"))

    def max_skipped_steps(self) -> int:
        """As many as the config says."""
        return self.max_steps


KINDS: dict[str, type] = {"raise": Raise, "skip": Skip}
NonFinite = Raise | Skip
