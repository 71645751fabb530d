"""Other trackers that are told what a run records: wandb, TensorBoard, MLflow, trackio, each through accelerate's.

The run directory stays the source of truth. A mirror has a thread of its own and a bounded queue before it: training
never waits for one, and one that fails is reported once and never stops a run. What a mirror did not take is counted.
"""

import importlib.util
import json
import logging
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.launch import Refused

if TYPE_CHECKING:
    from harness.run_directory import Mirror, RunDirectory

MAX_WAITING_ROWS = 10_000
MAX_SHARE = 0.1  # of the time, in which a mirror may compute: it shares Python's lock with training
MAX_PAUSE_SECONDS = 2.0
PACKAGES = {"wandb": "wandb", "tensorboard": "tensorboard", "mlflow": "mlflow", "trackio": "trackio"}
TOKENS = {"wandb": "WANDB_API_KEY", "mlflow": "MLFLOW_TRACKING_TOKEN", "trackio": "HF_TOKEN"}


@dataclass(frozen=True, kw_only=True)
class MirrorPlan:
    """One mirror as a config says it. The token is in the variable that `token_env` names, and nowhere else."""

    kind: str
    settings: Mapping[str, str] = field(default_factory=dict)
    token_env: str | None = None

    def check(self, name: str) -> None:
        """Raises Refused for a package or a token that is not there; needs no accelerate."""
        if importlib.util.find_spec(PACKAGES[self.kind]) is None:
            raise Refused(f"log.mirror.{name}: {self.kind} is not installed\n  help: pip install {PACKAGES[self.kind]}")
        if self.token_env is not None and not os.environ.get(self.token_env):
            raise Refused(f"log.mirror.{name}.token_env: the variable {self.token_env} is not set")


def open_mirrors(
    plans: Mapping[str, MirrorPlan], run: "RunDirectory", config: Mapping[str, Any], *, say: Callable[[str], None]
) -> "list[Mirror]":
    """Starts each mirror of a run in its own thread; main process. Returns at once."""
    hparams = flat_for_trackers(config)

    def start(name: str, plan: MirrorPlan) -> "Mirror":
        def tell(error: str) -> None:
            run.event("alert", kind="mirror", name=name, error=error)
            say(f"mirror {name} ({plan.kind}) fails, training goes on: {error}")

        return MirrorThread(name, plan.kind, lambda: open_tracker(plan, name, run.path), hparams, on_failure=tell)

    return [start(name, plan) for name, plan in plans.items()]


def flat_for_trackers(config: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """A config as all trackers take it: one level of dotted keys, and text for lists, None and what is not finite."""
    flat: dict[str, bool | int | float | str] = {}
    for key, value in config.items():
        is_plain = isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))
        flat[key] = value if is_plain else str(value) if isinstance(value, float) else json.dumps(value)
    return flat


class MirrorThread:
    """One tracker, told in the order of the run by a thread that takes at most a tenth of the time.

    `on_failure` is called once, in the thread, with the first error in words.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        open_it: Callable[[], Any],
        config: Mapping[str, Any],
        *,
        on_failure: Callable[[str], None],
        max_waiting_rows: int = MAX_WAITING_ROWS,
    ) -> None:
        self._facts: dict[str, Any] = {"name": name, "kind": kind, "sent": 0, "failed": 0, "dropped": 0}
        self._open = open_it
        self._config = dict(config)
        self._on_failure = on_failure
        self._rows: queue.Queue[tuple[int, Mapping[str, float]]] = queue.Queue(max_waiting_rows)
        self._closing = threading.Event()
        self._give_up_at = math.inf
        self._told = False
        self._thread = threading.Thread(target=self._run, name=f"mirror {name}", daemon=True)
        self._thread.start()

    def offer(self, step: int, values: Mapping[str, float]) -> None:
        """Takes the numbers of one step, which nobody may change afterwards; drops them when too many wait."""
        try:
            self._rows.put_nowait((step, values))
        except queue.Full:
            self._facts["dropped"] += 1

    def close(self, *, max_seconds: float) -> Mapping[str, Any]:
        """Waits, but no longer, until the tracker has been told all and has ended; gives what came of it."""
        self._give_up_at = time.monotonic() + max_seconds
        self._closing.set()
        self._thread.join(max_seconds)
        return {**self._facts, "dropped": self._facts["dropped"] + self._rows.qsize()}

    def _run(self) -> None:
        tracker = self._attempt(self._opened)
        if tracker is None:
            return  # rows go on waiting, and are counted as dropped in the end
        while time.monotonic() < self._give_up_at:
            try:
                step, values = self._rows.get(timeout=0.05 if self._closing.is_set() else 0.5)
            except queue.Empty:
                if self._closing.is_set():
                    break
                continue
            before = time.thread_time()
            done = self._attempt(lambda step=step, values=values: tracker.log(dict(values), step=step) or True)  # type: ignore[misc]
            self._facts["sent" if done else "failed"] += 1
            pause = (time.thread_time() - before) * (1 / MAX_SHARE - 1)
            self._closing.wait(min(pause, MAX_PAUSE_SECONDS))
        self._attempt(tracker.finish)

    def _opened(self) -> Any:
        tracker = self._open()
        tracker.store_init_configuration(self._config)
        return tracker

    def _attempt(self, call: Callable[[], Any]) -> Any:
        """What the call gives, or None after an error, of which the first is told."""
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - whatever a tracker raises is its own affair
            if not self._told:
                self._told = True
                with suppress(OSError):
                    self._on_failure(f"{type(error).__name__}: {error}"[:500])
            return None


def open_tracker(plan: MirrorPlan, name: str, run_path: Path) -> Any:
    """The tracker of this kind, started, for the run at this path. Importing it takes seconds for some."""
    from accelerate import PartialState

    PartialState()  # which accelerate's trackers ask who they are; the run's own, where there is one
    if plan.token_env is not None:
        os.environ[TOKENS[plan.kind]] = os.environ[plan.token_env]
    folder = run_path / "mirrors" / name
    tracker = TRACKERS[plan.kind](plan.settings, run_path.name, folder)
    tracker.start()
    return tracker


def _tensorboard(_settings: Mapping[str, str], run_name: str, folder: Path) -> Any:
    from accelerate.tracking import TensorBoardTracker

    return TensorBoardTracker(run_name, logging_dir=str(folder))


def _wandb(settings: Mapping[str, str], run_name: str, folder: Path) -> Any:
    import wandb
    from accelerate.tracking import WandBTracker

    folder.mkdir(parents=True, exist_ok=True)
    quiet = wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        x_disable_stats=True,
        x_disable_meta=True,  # it would hold the command line, secrets and all
    )
    others = {key: value for key, value in settings.items() if key != "project"}
    return WandBTracker(
        settings["project"], name=run_name, id=run_name, resume="allow", dir=str(folder), settings=quiet, **others
    )


def _mlflow(settings: Mapping[str, str], run_name: str, _folder: Path) -> Any:
    import mlflow
    from accelerate.tracking import MLflowTracker

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    mlflow.set_tracking_uri(settings["tracking_uri"])
    return MLflowTracker(experiment_name=settings["experiment"], run_name=run_name)


def _trackio(settings: Mapping[str, str], run_name: str, _folder: Path) -> Any:
    from accelerate.tracking import TrackioTracker

    others = {key: value for key, value in settings.items() if key != "project"}
    return TrackioTracker(
        settings["project"],
        name=run_name,
        resume="allow",
        embed=False,
        auto_log_gpu=False,
        auto_log_cpu=False,
        **others,
    )


TRACKERS = {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow, "trackio": _trackio}
