"""How many processes each kind of parallel training takes."""

import pytest

from bindings.parallel import Ddp, Fsdp, Single
from harness.launch import Refused


def test_one_process_is_what_single_means() -> None:
    Single().check(1)
    Ddp().check(5)
    with pytest.raises(Refused, match=r'parallel\.kind = "ddp"'):
        Single().check(2)


@pytest.mark.parametrize(
    ("schema", "num_processes"),
    [(Fsdp(), 1), (Fsdp(), 4), (Fsdp(num_replicas=2), 4), (Fsdp(num_replicas=2, num_shards=3), 6)],
    ids=repr,
)
def test_copies_times_shards_make_up_the_processes(schema: Fsdp, num_processes: int) -> None:
    schema.check(num_processes)
    for other in {3, 5, 7} - {num_processes}:
        if schema.num_replicas > 1:
            with pytest.raises(Refused, match=r"help: launch with --num_processes \d"):
                schema.check(other)


@pytest.mark.parametrize(
    ("schema", "num_processes", "said"),
    [
        (Fsdp(num_replicas=2), 5, r"2 x 2 \(.*\) is not 5, .* launched\n  help: launch with --num_processes 4$"),
        (Fsdp(num_replicas=3), 2, r"3 x 1 \(.*\) is not 2, .* launched\n  help: launch with --num_processes 3$"),
        (
            Fsdp(num_shards=4),
            2,
            r"1 x 4 \(.*\) is not 2, .* launched\n  help: launch with --num_processes 4, or leave num_shards out$",
        ),
    ],
)
def test_a_mesh_that_the_processes_do_not_fill_is_refused_with_what_would_fit(
    schema: Fsdp, num_processes: int, said: str
) -> None:
    with pytest.raises(Refused, match=said):
        schema.check(num_processes)
