"""The first batches of a config, exactly those that its model sees, for people to read."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bindings.examples import examples_of
from bindings.run import Run

if TYPE_CHECKING:
    from harness.look.batches import SeenExample


def first_batches(run: Run, *, num_steps: int) -> "Iterator[list[SeenExample]]":
    """The examples of each step from the first one on, before they are split over processes. Raises Refused."""
    from harness.job import ExampleStream
    from harness.launch import Refused
    from harness.look.batches import seen_examples
    from harness.order import Order
    from zoo.mixture import Mixture
    from zoo.token_shards import TokenCorpus

    try:
        corpus = run.data.build()
        examples, parts = examples_of(run.data, corpus)
    except (ValueError, OSError) as error:
        raise Refused(f"data: {error}") from error
    first = next(iter(corpus.corpora.values())) if isinstance(corpus, Mixture) else corpus
    are_bytes = not isinstance(first, TokenCorpus)
    batch_size = run.train.batch_size
    state: dict[str, Any] = {}
    if isinstance(examples, ExampleStream):
        for _ in range(num_steps):
            batch, state = examples.read(state, batch_size)
            yield seen_examples(batch, are_bytes=are_bytes)
        return
    order = Order(seed=run.seed, num_examples=len(examples), batch_size=batch_size, parts=parts)
    for step in range(num_steps):
        indices, epochs = order.at(step)
        yield seen_examples(
            examples.batch(indices, epochs), are_bytes=are_bytes, indices=indices, epochs=epochs, parts=parts
        )
