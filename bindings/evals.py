"""[eval.NAME]: what is measured on held-out data. A new eval is one file in zoo/evals and one line in KINDS."""

from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import ge, gt, le, min_len, optional

from bindings.fields import science

if TYPE_CHECKING:
    from harness.job import Eval as HarnessEval
    from zoo.corpus import Corpus


@frozen(kw_only=True)
class BitsPerByte:
    """Bits that the model needs for each held-out byte, beside what gzip -9 and xz -9e need for the same bytes."""

    stride: int = field(validator=ge(1), metadata=science("bytes scored per window; the rest of it is context"))
    batch_windows: int = field(default=64, validator=ge(1), metadata=science("windows in one forward pass"))
    max_bytes: int | None = field(
        default=None, validator=optional(ge(1)), metadata=science("held-out bytes to score; all when left out")
    )

    def build(self, corpus: "Corpus", *, seq_len: int, seed: int) -> "HarnessEval":
        """Scores every document with sliding windows of seq_len."""
        from functools import partial

        from harness.job import Eval as HarnessEval
        from zoo.evals import bits_per_byte

        del seed
        documents = corpus.held_out if self.max_bytes is None else bits_per_byte.take(corpus.held_out, self.max_bytes)
        return HarnessEval(
            items=documents,
            rows=partial(bits_per_byte.score, seq_len=seq_len, stride=self.stride, batch_windows=self.batch_windows),
            metrics=partial(bits_per_byte.metrics, documents=documents),
        )


@frozen(kw_only=True)
class Completions:
    """Samples continuations of the prompts and counts those that Python's parser accepts."""

    prompts: tuple[str, ...] = field(validator=min_len(1), metadata=science("what the model continues"))
    samples_per_prompt: int = field(default=4, validator=ge(1), metadata=science("continuations of each prompt"))
    num_bytes: int = field(validator=ge(1), metadata=science("bytes of each continuation"))
    temperature: float = field(default=0.8, validator=gt(0), metadata=science("divides the logits"))
    top_p: float = field(
        default=1.0, validator=[gt(0), le(1)], metadata=science("probability mass that is sampled from")
    )

    def build(self, corpus: "Corpus", *, seq_len: int, seed: int) -> "HarnessEval":
        """Samples with a generator of each sample's own."""
        from functools import partial

        from harness.job import Eval as HarnessEval
        from zoo.evals import completions

        del corpus
        return HarnessEval(
            items=completions.repeat(
                [(f"p{number}", text) for number, text in enumerate(self.prompts)],
                samples_per_prompt=self.samples_per_prompt,
            ),
            rows=partial(
                completions.complete,
                num_bytes=self.num_bytes,
                temperature=self.temperature,
                top_p=self.top_p,
                max_positions=seq_len,
                seed=seed,
            ),
            metrics=completions.metrics,
        )


KINDS: dict[str, type] = {"bits_per_byte": BitsPerByte, "completions": Completions}
Eval = BitsPerByte | Completions
