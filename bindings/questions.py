"""[eval.NAME] with questions of a file: answers that one function scores, multiple choice, tasks of lm_eval.

A new eval is a function `score` in a file of zoo/evals and one line in SCORERS; `tools/new_eval NAME` writes both.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from attrs import Attribute, field, frozen
from attrs.validators import ge, gt, in_, le, min_len, optional

from bindings.fields import Misfit, science

if TYPE_CHECKING:
    from harness.job import Eval as HarnessEval
    from zoo.corpus import Corpus

SCORERS = {
    "exact_match": "zoo.evals.exact_match",
}
OF_TEXT = ("zoo.evals.questions", "zoo.evals.text", "zoo.generate")


@frozen(kw_only=True)
class Answers:
    """The model answers the questions of a file, and one function scores each answer."""

    version: ClassVar[int] = 1

    scorer: str = field(validator=in_(SCORERS), metadata=science("the function that scores, by its name in SCORERS"))
    data: str = field(
        validator=min_len(1), metadata=science('JSON Lines, each with an "id"; from the current directory')
    )
    prompt: str | None = field(
        default=None, metadata=science("what the model continues; {field} is that of the question")
    )
    prompt_file: str | None = field(default=None, metadata=science("a text file with it instead"))
    num_bytes: int = field(validator=ge(1), metadata=science("most bytes of an answer"))
    end: str | None = field(default=None, validator=optional(min_len(1)), metadata=science("text that ends an answer"))
    temperature: float = field(default=0.0, validator=ge(0), metadata=science("divides the logits; 0: the likeliest"))
    top_p: float = field(
        default=1.0, validator=[gt(0), le(1)], metadata=science("probability mass that is sampled from")
    )

    @prompt_file.validator
    def _one_prompt(self, _attribute: "Attribute[str | None]", value: str | None) -> None:
        if (value is None) == (self.prompt is None):
            raise Misfit("either prompt or prompt_file says what the model continues")

    @property
    def sources(self) -> tuple[str, ...]:
        """The modules that make the rows."""
        return (SCORERS[self.scorer], "zoo.evals.answers", *OF_TEXT)

    def template(self) -> str:
        """The prompt. Raises ValueError when its file cannot be read."""
        if self.prompt is not None:
            return self.prompt
        try:
            return Path(self.prompt_file or "").read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{self.prompt_file}: cannot be read ({error})") from error

    def build(self, corpus: "Corpus", *, seq_len: int, seed: int) -> "HarnessEval":
        """Reads the questions. Raises ValueError, with file and line, for one that cannot be asked."""
        from functools import partial
        from importlib import import_module

        from harness.job import Eval as HarnessEval
        from zoo.evals import answers
        from zoo.evals.questions import fill, read_questions

        del corpus
        scorer, template = import_module(SCORERS[self.scorer]), self.template()
        questions = {question["id"]: question for question in read_questions(Path(self.data))}
        fill(template, next(iter(questions.values())))
        return HarnessEval(
            items=list(questions.values()),
            rows=partial(
                answers.answer,
                prompt=template,
                scorer=scorer.score,
                num_bytes=self.num_bytes,
                temperature=self.temperature,
                top_p=self.top_p,
                max_positions=seq_len,
                seed=seed,
                end=self.end,
            ),
            metrics=partial(answers.metrics, scores=scorer.SCORES),
            scores=_clustered(scorer.SCORES, list(questions.values())),
            id_of=lambda question: question["id"],
            rescore=lambda row: answers.rescore(row, question=questions[row["id"]], scorer=scorer.score),
        )


@frozen(kw_only=True)
class MultipleChoice:
    """Which of a few answers the model finds likeliest; without data, which of four held-out lines comes next."""

    version: ClassVar[int] = 1
    sources: ClassVar[tuple[str, ...]] = ("zoo.evals.multiple_choice", "zoo.evals.questions")

    data: str | None = field(
        default=None, metadata=science("JSON Lines of id, question, choices, answer; made of held-out text if left out")
    )
    num_questions: int = field(default=200, validator=ge(1), metadata=science("most questions"))
    per_byte: bool = field(default=True, metadata=science("whether an answer's bits are divided by its bytes"))
    batch_choices: int = field(default=64, validator=ge(1), metadata=science("choices in one forward pass"))

    def build(self, corpus: "Corpus", *, seq_len: int, seed: int) -> "HarnessEval":
        """Reads or makes the questions. Raises ValueError for what cannot be asked."""
        from functools import partial

        from harness.job import Eval as HarnessEval
        from zoo.evals import multiple_choice

        del seed
        if self.data is None:
            questions = multiple_choice.next_lines(corpus.held_out, num_questions=self.num_questions)
        else:
            questions = multiple_choice.read_choices(Path(self.data))[: self.num_questions]
        return HarnessEval(
            items=questions,
            rows=partial(
                multiple_choice.choose,
                max_positions=seq_len,
                batch_choices=self.batch_choices,
                per_byte=self.per_byte,
            ),
            metrics=multiple_choice.metrics,
            scores=multiple_choice.scores_of(questions),
            id_of=lambda question: question["id"],
            rescore=partial(multiple_choice.rescore, per_byte=self.per_byte),
        )


@frozen(kw_only=True)
class LmEval:
    """Tasks of EleutherAI's lm-evaluation-harness on data of this machine, when the package lm_eval is installed."""

    version: ClassVar[int] = 1
    sources: ClassVar[tuple[str, ...]] = ("zoo.evals.lm_eval_tasks", "zoo.evals.multiple_choice", *OF_TEXT)

    tasks: tuple[str, ...] = field(validator=min_len(1), metadata=science("names of tasks"))
    include_path: str | None = field(default=None, metadata=science("a folder with task files of your own"))
    max_questions: int | None = field(
        default=None, validator=optional(ge(1)), metadata=science("questions of each task; all when left out")
    )
    num_bytes: int = field(default=256, validator=ge(1), metadata=science("most bytes of a generated answer"))

    def build(self, corpus: "Corpus", *, seq_len: int, seed: int) -> "HarnessEval":
        """Each task is an item. Raises ValueError without the package, and for a task that it does not know."""
        from functools import partial

        from harness.job import Eval as HarnessEval
        from zoo.evals import lm_eval_tasks

        del corpus
        lm_eval_tasks.check_installed()
        return HarnessEval(
            items=list(self.tasks),
            rows=partial(
                lm_eval_tasks.measure,
                include_path=self.include_path,
                max_questions=self.max_questions,
                num_bytes=self.num_bytes,
                max_positions=seq_len,
                seed=seed,
            ),
            metrics=lm_eval_tasks.metrics,
        )


def _clustered(
    scores: "dict[str, dict[str, object]]", questions: "Sequence[dict[str, object]]"
) -> dict[str, dict[str, object]]:
    """The scores, clustered where every question names its cluster."""
    cluster = "cluster" if all("cluster" in question for question in questions) else None
    return {metric: score | {"cluster": cluster} for metric, score in scores.items()}
