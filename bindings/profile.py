"""[profile]: whether a few steps are traced, to see where their time goes. No number changes."""

from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import ge, le

from bindings.fields import place

if TYPE_CHECKING:
    from harness.profile import Window


@frozen(kw_only=True)
class NoProfile:
    """No trace."""

    def build(self) -> "Window | None":
        """None: no step is traced."""
        return None


@frozen(kw_only=True)
class TorchProfile:
    """torch's profiler over a window of steps: a trace for ui.perfetto.dev in the run's directory."""

    first_step: int = field(default=10, validator=ge(1), metadata=place("the first step traced; the run's first is 1"))
    num_steps: int = field(default=5, validator=[ge(1), le(1000)], metadata=place("steps traced"))

    def build(self) -> "Window | None":
        """The window of steps."""
        from harness.profile import Window

        return Window(first_step=self.first_step, num_steps=self.num_steps)


KINDS: dict[str, type] = {"none": NoProfile, "torch": TorchProfile}
Profile = NoProfile | TorchProfile
