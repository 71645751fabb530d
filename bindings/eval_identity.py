"""What the rows of an eval depend on beside the weights, as hashes: two equal identities mean equal rows.

"decoding" has the settings, but for how many windows or choices share a forward pass, which changes no result.
"context" is the run's own seq_len and stands apart, because a comparison of two runs does not ask for it to be equal:
how far back a model looks is what its config gave it, like its width, and what is measured (bits of the same bytes,
answers to the same prompts) means the same. Within one run it counts like all else.

It is told from the config, the source files and the data, without torch where the data does not need it, so that a
result that holds already is found at once.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from bindings.evals import KINDS, BitsPerByte, BitsPerToken, Completions, Eval
from bindings.questions import Answers, LmEval, MultipleChoice

if TYPE_CHECKING:
    from bindings.examples import AnyCorpus
    from harness.job import Eval as HarnessEval

NOT_SETTINGS = {"prompts", "prompt", "prompt_file", "data"}  # their content counts, by a hash of its own
OF_SPEED = {"batch_windows", "batch_choices"}  # of the class science in the schema, for as long as version 2 lasts


def build_evals(
    evaluations: Mapping[str, Eval], corpus: Any, *, seq_len: int, sample_seed: int
) -> "dict[str, HarnessEval]":
    """The evals, each with its identity. Raises Refused for questions that cannot be asked."""
    from dataclasses import replace

    from harness.launch import Refused

    evals = {}
    for name, evaluation in evaluations.items():
        try:
            built = evaluation.build(corpus, seq_len=seq_len, seed=sample_seed)
            identity = identity_of(evaluation, corpus, seq_len=seq_len, sample_seed=sample_seed)
            evals[name] = replace(built, identity=identity)
        except (ValueError, OSError) as error:
            raise Refused(f"eval.{name}: {error}") from error
    return evals


def identity_of(evaluation: Eval, corpus: "AnyCorpus", *, seq_len: int, sample_seed: int) -> dict[str, Any]:
    """Plain JSON; `sample_seed` counts where something is drawn."""
    kinds = {schema: kind for kind, schema in KINDS.items()}
    settings = {key: value for key, value in attrs.asdict(evaluation).items() if key not in NOT_SETTINGS | OF_SPEED}
    prompts = prompts_of(evaluation)
    draws = isinstance(evaluation, Completions) or (isinstance(evaluation, Answers) and evaluation.temperature > 0)
    return {
        "eval": kinds[type(evaluation)],
        "version": evaluation.version,
        "source_sha256": _sha256(_source(module) for module in evaluation.sources),
        "prompts_sha256": _sha256(text.encode() for text in prompts) if prompts else None,
        "data_sha256": _data_sha256(evaluation, corpus),
        "decoding": _plain(settings),
        "context": seq_len,
        "seed": sample_seed if draws else None,
    }


def prompts_of(evaluation: Eval) -> tuple[str, ...]:
    """The texts that an eval gives a model, as they are written."""
    if isinstance(evaluation, Completions):
        return evaluation.prompts
    return (evaluation.template(),) if isinstance(evaluation, Answers) else ()


def _data_sha256(evaluation: Eval, corpus: Any) -> str | None:
    """Of the questions' file, or of the documents that are held out; None where there is neither."""
    if isinstance(evaluation, Answers) or (isinstance(evaluation, MultipleChoice) and evaluation.data is not None):
        try:
            return _sha256([Path(evaluation.data or "").read_bytes()])
        except OSError as error:
            raise ValueError(f"{evaluation.data}: cannot be read ({error})") from error
    if isinstance(evaluation, BitsPerByte | MultipleChoice):
        return _sha256(part for document in corpus.held_out for part in (document.name.encode(), document.content))
    if isinstance(evaluation, BitsPerToken):
        return _sha256(
            part for document in corpus.held_out for part in (document.name.encode(), bytes(document.tokens))
        )
    if isinstance(evaluation, LmEval) and evaluation.include_path is not None:
        files = sorted(path for path in Path(evaluation.include_path).rglob("*") if path.is_file())
        return _sha256(part for path in files for part in (path.name.encode(), path.read_bytes()))
    return None


def _sha256(parts: Iterable[bytes]) -> str:
    """Of all parts, each with its length in front, so that no two lists have one hash."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:".encode())
        digest.update(part)
    return digest.hexdigest()


def _source(module: str) -> bytes:
    spec = find_spec(module)
    assert spec is not None, module
    assert spec.origin is not None, module
    return Path(spec.origin).read_bytes()


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps({key: value for key, value in fields.items() if value is not None}))
    return plain
