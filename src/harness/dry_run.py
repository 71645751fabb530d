"""One forward and backward pass before anything is recorded: too little memory is found at once and said in words.

It leaves weights, buffers, gradients and random numbers as they were, and takes no batch from the order. What it cannot
foresee is fragmentation later on.
"""

import torch

from harness.fetch import Fetched
from harness.job import Job
from harness.launch import Refused
from harness.prefetch import Batches
from harness.ranks import Ranks
from harness.sharded import is_sharded
from harness.split import Split
from harness.step import forward_backward

OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")  # CPU, CPU on Windows, others


def dry_run(job: Job, split: Split, ranks: Ranks) -> None:
    """Computes one micro-batch of full size with as much memory set aside as the optimizers will need. All ranks.

    Raises Refused on every rank when the memory of one does not suffice; of a model in shards on that rank alone, since
    the others are in the middle of a pass that cannot go on without it.
    """
    said = ""
    buffers = {name: buffer.clone() for name, buffer in job.model.named_buffers()}
    was_training = job.model.training
    with torch.random.fork_rng(devices=None if ranks.device.type == "cuda" else []):
        try:
            _compute(job, split, ranks)
        except (RuntimeError, MemoryError) as error:
            said = lack_of_memory(error)
            if not said:
                raise
    for parameter in job.model.parameters():
        parameter.grad = None
    job.model.train(was_training)
    with torch.no_grad():
        for name, buffer in job.model.named_buffers():
            buffer.copy_(buffers[name])
    if ranks.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    is_too_little = bool(said) if is_sharded(job.model) else ranks.sum_counts(int(bool(said)))[0] > 0
    if is_too_little:
        raise Refused(_refusal(split, said or "on another process"))


def _compute(job: Job, split: Split, ranks: Ranks) -> None:
    with Batches(job, split, rank=ranks.rank, device=ranks.device) as batches:
        made = batches.make(0, {})
    slot = next(iter(made.micro_batches))
    batch = tuple(part.to(ranks.device) for part in made.micro_batches[slot])
    set_aside = torch.empty(job.num_state_numbers, device=ranks.device)
    job.model.train()
    forward_backward(
        job,
        job.model,
        ranks,
        0,
        Fetched(micro_batches={slot: batch}, num_targets=max(1, made.num_targets)),
    )
    del set_aside


def lack_of_memory(error: RuntimeError | MemoryError) -> str:
    """The first line of what an allocator said, or "" for another error."""
    text = str(error).strip() or "no memory"
    is_memory = isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in text.lower() for words in OUT_OF_MEMORY
    )
    return text.splitlines()[0].split("DefaultCPUAllocator: ")[-1] if is_memory else ""


def _refusal(split: Split, said: str) -> str:
    share = split.batch_size // split.num_processes
    lower = [str(size) for size in range(split.micro_batch_size - 1, 0, -1) if share % size == 0]
    mend = f"train.micro_batch_size = {' or '.join(lower[:4])}, " if lower else ""
    return (
        f"the memory does not suffice for one micro-batch of {_examples(split.micro_batch_size)} ({said})\n"
        f"  help: lower {mend}the sizes in [model] or data.seq_len"
    )


def _examples(number: int) -> str:
    return f"{number} example" if number == 1 else f"{number} examples"
