"""[parallel]: how one step is spread over processes. How many there are is the launcher's business alone."""

from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import ge, optional

from bindings.fields import speed

if TYPE_CHECKING:
    from torch import nn

    from harness.ranks import Ranks


@frozen(kw_only=True)
class Single:
    """One process; launching more is an error."""

    def check(self, num_processes: int) -> None:
        """Raises Refused when more than one process was launched."""
        from harness.launch import Refused

        if num_processes != 1:
            raise Refused(
                f'{num_processes} processes were launched, and parallel.kind = "single"\n'
                '  help: write parallel.kind = "ddp"'
            )

    def build(self, model: "nn.Module", ranks: "Ranks") -> bool:
        """Changes nothing; the model's state is not sharded."""
        del model, ranks
        return False


@frozen(kw_only=True)
class Ddp:
    """A copy of the model in every process, gradients averaged (torch's DistributedDataParallel)."""

    def check(self, num_processes: int) -> None:
        """Any number of processes will do."""

    def build(self, model: "nn.Module", ranks: "Ranks") -> bool:
        """Changes nothing yet, since optimizers want the bare model; its state is not sharded."""
        del model, ranks
        return False


@frozen(kw_only=True)
class Fsdp:
    """Weights, gradients and optimizer state in shards, block by block (torch's fully_shard); losses as with ddp."""

    num_replicas: int = field(default=1, validator=ge(1), metadata=speed("copies of the model; above 1 is HSDP"))
    num_shards: int | None = field(
        default=None,
        validator=optional(ge(1)),
        metadata=speed("processes that share one copy; all of a copy's when left out"),
    )

    def check(self, num_processes: int) -> None:
        """Raises Refused when copies and shards do not make up the processes that were launched."""
        from harness.launch import Refused

        num_shards = self.num_shards or max(1, num_processes // self.num_replicas)
        if self.num_replicas * num_shards != num_processes:
            otherwise = "" if self.num_shards is None else ", or leave num_shards out"
            raise Refused(
                f"{self.num_replicas} x {num_shards} (parallel.num_replicas x num_shards) is not {num_processes}, the "
                "number of processes that were launched\n"
                f"  help: launch with --num_processes {self.num_replicas * num_shards}{otherwise}"
            )

    def build(self, model: "nn.Module", ranks: "Ranks") -> bool:
        """Shards the model in place where there are several processes; its state is saved in shards on one too."""
        if ranks.num_processes > 1:
            from harness.sharded import shard_model

            num_shards = ranks.num_processes // self.num_replicas
            shard_model(model, ranks.device, num_replicas=self.num_replicas, num_shards=num_shards)
            ranks.expect_slow_steps()
        return True


KINDS: dict[str, type] = {"single": Single, "ddp": Ddp, "fsdp": Fsdp}
Parallel = Single | Ddp | Fsdp
