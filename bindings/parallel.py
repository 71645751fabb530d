"""[parallel]: how one step is spread over processes. How many there are is the launcher's business alone."""

from attrs import frozen


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


@frozen(kw_only=True)
class Ddp:
    """A copy of the model in every process, gradients averaged (torch's DistributedDataParallel)."""

    def check(self, num_processes: int) -> None:
        """Any number of processes will do."""


KINDS: dict[str, type] = {"single": Single, "ddp": Ddp}
Parallel = Single | Ddp
