"""[log.mirror.NAME]: another tracker that is told what a run records, beside its directory and never instead of it.

A secret is never a value here: `token_env` names the environment variable that holds it.
"""

from typing import TYPE_CHECKING, Literal

from attrs import Attribute, field, frozen
from attrs.validators import matches_re, min_len, optional

from bindings.fields import Misfit, place

if TYPE_CHECKING:
    from harness.mirrors import MirrorPlan

VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"


@frozen(kw_only=True)
class WandB:
    """Weights & Biases; offline runs wait in the run's directory for `wandb sync`."""

    project: str = field(validator=min_len(1), metadata=place("where the run appears"))
    entity: str | None = field(default=None, metadata=place("the team; your own when left out"))
    mode: Literal["online", "offline"] = field(default="online", metadata=place("whether anything leaves this machine"))
    token_env: str | None = field(
        default=None, validator=optional(matches_re(VARIABLE)), metadata=place("the variable that holds the key")
    )

    def build(self) -> "MirrorPlan":
        """What the harness is told."""
        from harness.mirrors import MirrorPlan

        settings = {"project": self.project, "mode": self.mode}
        settings |= {} if self.entity is None else {"entity": self.entity}
        return MirrorPlan(kind="wandb", settings=settings, token_env=self.token_env)


@frozen(kw_only=True)
class TensorBoard:
    """TensorBoard: event files in the run's own directory; `tensorboard --logdir runs` shows all of them."""

    def build(self) -> "MirrorPlan":
        """What the harness is told."""
        from harness.mirrors import MirrorPlan

        return MirrorPlan(kind="tensorboard")


@frozen(kw_only=True)
class MLflow:
    """MLflow, on a server or in a file (sqlite:///mlflow.db)."""

    tracking_uri: str = field(validator=min_len(1), metadata=place("the address of the server or the database"))
    experiment: str = field(default="falsework", validator=min_len(1), metadata=place("where the run appears"))
    token_env: str | None = field(
        default=None, validator=optional(matches_re(VARIABLE)), metadata=place("the variable that holds the token")
    )

    @tracking_uri.validator
    def _holds_no_password(self, _attribute: "Attribute[str]", value: str) -> None:
        _, at, _ = value.partition("@")
        if at and "://" in value and ":" in value.partition("://")[2].partition("@")[0]:
            raise Misfit("must not hold a password; token_env names the variable of a token")

    def build(self) -> "MirrorPlan":
        """What the harness is told."""
        from harness.mirrors import MirrorPlan

        settings = {"tracking_uri": self.tracking_uri, "experiment": self.experiment}
        return MirrorPlan(kind="mlflow", settings=settings, token_env=self.token_env)


@frozen(kw_only=True)
class Trackio:
    """Trackio: a local database, or a space of Hugging Face."""

    project: str = field(validator=min_len(1), metadata=place("where the run appears"))
    space_id: str | None = field(default=None, metadata=place("OWNER/SPACE to send it to; stays here when left out"))
    token_env: str | None = field(
        default=None, validator=optional(matches_re(VARIABLE)), metadata=place("the variable that holds the token")
    )

    def build(self) -> "MirrorPlan":
        """What the harness is told."""
        from harness.mirrors import MirrorPlan

        settings = {"project": self.project} | ({} if self.space_id is None else {"space_id": self.space_id})
        return MirrorPlan(kind="trackio", settings=settings, token_env=self.token_env)


KINDS: dict[str, type] = {"wandb": WandB, "tensorboard": TensorBoard, "mlflow": MLflow, "trackio": Trackio}
Mirror = WandB | TensorBoard | MLflow | Trackio
