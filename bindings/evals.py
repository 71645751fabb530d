"""[eval.NAME]: what is measured. A new eval is one function in zoo/evals and one line in bindings/questions.py.

Every class says which version of its rows it makes, and the modules that make them: an old result counts for as long as
these, the prompts, the data and the settings stay as they are (bindings/eval_identity.py).
"""

from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen
from attrs.validators import ge, gt, le, min_len, optional

from bindings.fields import science
from bindings.questions import Answers, LmEval, MultipleChoice

if TYPE_CHECKING:
    from harness.job import Eval as HarnessEval
    from zoo.corpus import Corpus
    from zoo.token_shards import TokenCorpus


@frozen(kw_only=True)
class BitsPerByte:
    """Bits that the model needs for each held-out byte, beside what gzip -9 and xz -9e need for the same bytes."""

    version: ClassVar[int] = 1
    sources: ClassVar[tuple[str, ...]] = ("zoo.evals.bits_per_byte", "zoo.evals.sliding")

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
            scores=bits_per_byte.SCORES,
            id_of=lambda document: document.name,
        )


@frozen(kw_only=True)
class BitsPerToken:
    """Bits that the model needs for each held-out token, and for each byte where tokens.json has token_bytes."""

    version: ClassVar[int] = 1
    sources: ClassVar[tuple[str, ...]] = ("zoo.evals.bits_per_token", "zoo.evals.sliding")

    stride: int = field(validator=ge(1), metadata=science("tokens scored per window; the rest of it is context"))
    batch_windows: int = field(default=64, validator=ge(1), metadata=science("windows in one forward pass"))
    max_tokens: int | None = field(
        default=None, validator=optional(ge(1)), metadata=science("held-out tokens to score; all when left out")
    )

    def build(self, corpus: "TokenCorpus", *, seq_len: int, seed: int) -> "HarnessEval":
        """Scores every document with sliding windows of seq_len."""
        from functools import partial

        from harness.job import Eval as HarnessEval
        from zoo.evals import bits_per_token

        del seed
        documents = (
            corpus.held_out if self.max_tokens is None else bits_per_token.take(corpus.held_out, self.max_tokens)
        )
        return HarnessEval(
            items=documents,
            rows=partial(bits_per_token.score, seq_len=seq_len, stride=self.stride, batch_windows=self.batch_windows),
            metrics=partial(bits_per_token.metrics, documents=documents),
            scores=bits_per_token.SCORES,
            id_of=lambda document: document.name,
        )


@frozen(kw_only=True)
class Completions:
    """Samples continuations of the prompts and counts those that are Python, go in circles or are copied."""

    version: ClassVar[int] = 3
    sources: ClassVar[tuple[str, ...]] = ("zoo.evals.completions", "zoo.evals.copies", "zoo.evals.text", "zoo.generate")

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
        from zoo.evals.copies import training_text

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
                training=training_text(corpus),
            ),
            metrics=completions.metrics,
            scores=completions.scores_of(samples_per_prompt=self.samples_per_prompt),
            id_of=lambda prompt: prompt[0],
            rescore=completions.rescore,
        )


KINDS: dict[str, type] = {
    "bits_per_byte": BitsPerByte,
    "bits_per_token": BitsPerToken,
    "completions": Completions,
    "answers": Answers,
    "multiple_choice": MultipleChoice,
    "lm_eval": LmEval,
}
Eval = BitsPerByte | BitsPerToken | Completions | Answers | MultipleChoice | LmEval
