"""Writes the files of a new eval into a project, and makes questions of samples that people tagged.

It writes new files and one line into each of two that are there; when any of these cannot be done, it writes nothing.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.launch import Refused
from harness.rows import read

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
REGISTRY, REGISTRY_START = "bindings/questions.py", "SCORERS = {\n"
HOUSE, HOUSE_ROW = "docs/house.md", "| `src/zoo/evals/exact_match.py` |"
MAX_QUESTIONS = 100_000
NUM_BYTES = 40  # of an answer, where nothing says how long one was

SCORER = '''"""Say in one line what this eval asks."""

from collections.abc import Mapping
from typing import Any

SCORES = {"right": {"field": "right", "higher_is_better": True}}


def score(question: Mapping[str, Any], completion: str) -> dict[str, Any]:
    """Say what counts as right. Nothing does while a question has no answer."""
    answer = str(question["answer"])
    return {"right": bool(answer) and completion.strip().startswith(answer)}
'''
TEST = '''"""Answers whose scores anybody can tell."""

from zoo.evals.{name} import SCORES, score


def test_a_right_answer_counts_and_another_does_not() -> None:
    question = {{"id": "a", "answer": "4"}}
    assert score(question, " 4\\n") == {{"right": True}}
    assert score(question, "5") == {{"right": False}}
    assert score(question | {{"answer": ""}}, "5") == {{"right": False}}
    assert {{of["field"] for of in SCORES.values()}} <= score(question, "").keys()
'''
LAYER = """\
# A layer with this eval alone: tools/eval RUN --add FILE, train.py CONFIG FILE, or copy the table into a config.
[eval.{name}]
kind = "answers"
scorer = "{name}"
data = "evals/{name}.jsonl"
prompt = "{{prompt}}"
num_bytes = {num_bytes}
{end}"""
EXAMPLES = (
    {"id": "one", "prompt": "assert 1 + 1 == ", "answer": "2"},
    {"id": "two", "prompt": "assert 2 + 2 == ", "answer": "4"},
    {"id": "three", "prompt": "assert 3 * 3 == ", "answer": "9"},
)


def new_eval(project: Path, name: str, questions: Sequence[Mapping[str, Any]] | None = None) -> list[str]:
    """Writes the files and gives their names, the function's first. Raises Refused."""
    if not NAME.fullmatch(name):
        raise Refused(f"{name!r} is no name for an eval\n  help: small letters, digits and _, a letter first")
    data = "".join(json.dumps(question, ensure_ascii=False) + "\n" for question in questions or EXAMPLES)
    files = {
        f"src/zoo/evals/{name}.py": SCORER,
        f"tests/zoo/test_eval_{name}.py": TEST.format(name=name),
        f"evals/{name}.jsonl": data,
        f"evals/{name}.toml": _layer(name, questions or ()),
    }
    if there := [file for file in files if (project / file).exists()]:
        raise Refused(f"{there[0]} is there already, and nothing is written over\n  help: another name")
    line = f'    "{name}": "zoo.evals.{name}",\n'
    edits = {REGISTRY: _with_line(project / REGISTRY, REGISTRY_START, line, after=True)}
    row = f"| `src/zoo/evals/{name}.py` | Scores the answers of the eval {name}. |\n"
    if (project / HOUSE).is_file():
        edits[HOUSE] = _with_line(project / HOUSE, HOUSE_ROW, row, after=False)
    for file, text in {**files, **edits}.items():
        (project / file).parent.mkdir(parents=True, exist_ok=True)
        (project / file).write_text(text, encoding="utf-8")
    return [*files, *edits]


def _layer(name: str, questions: Sequence[Mapping[str, Any]]) -> str:
    """Answers as long as what was written then, over several lines where that was; else one line."""
    written = [str(question.get("was", "")) for question in questions]
    num_bytes = max((len(text.encode("utf-8")) for text in written), default=0) or NUM_BYTES
    end = "" if any("\n" in text for text in written) else 'end = "\\n"\n'
    return LAYER.format(name=name, num_bytes=num_bytes, end=end)


def tagged_questions(root: Path, tag: str) -> list[dict[str, Any]]:
    """The samples that carry a tag as questions: the prompt, and what was written then. Raises Refused for none."""
    standing: dict[tuple[str, str, int, str], None] = {}
    for row in sorted(_remarks(root), key=lambda row: float(row.get("t", 0))):
        if row.get("event") in ("sample_tag", "sample_untag") and row.get("text") == tag:
            sample = (str(row["run"]), str(row["eval"]), int(row["step"]), str(row["id"]))
            if row["event"] == "sample_tag":
                standing[sample] = None
            else:
                standing.pop(sample, None)
    if not standing:
        raise Refused(f"{root}: no sample has the tag {tag!r}\n  help: tools/look RUN puts tags on samples")
    if len(standing) > MAX_QUESTIONS:
        raise Refused(f"{len(standing):,} samples have the tag {tag!r}; {MAX_QUESTIONS:,} are possible")
    return _once([_question(root, *sample) for sample in standing])


def _question(root: Path, run: str, name: str, step: int, sample: str) -> dict[str, Any]:
    folder = f"{run}/{name}/step_{step:08}"
    path = root / run / "evals" / name / f"step_{step:08}" / "samples.jsonl"
    rows = read(path) if path.is_file() else []
    row = next((row for row in rows if str(row.get("id")) == sample), None)
    if row is None:
        raise Refused(f"{folder}#{sample}: is tagged, and not there any more")
    prompt = str(row.get("prompt", ""))
    return {"id": f"{folder}#{sample}", "prompt": prompt, "answer": "", "was": row.get("completion", "")}


def _once(questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each prompt once: a model that answers without chance gives the same answer to both."""
    return list({question["prompt"]: question for question in reversed(questions)}.values())[::-1]


def _remarks(root: Path) -> list[dict[str, Any]]:
    return [row for path in sorted((root / "notes").glob("*.jsonl")) for row in read(path)]


def _with_line(path: Path, place: str, line: str, *, after: bool) -> str:
    """The text of a file with one line more, beside a place that must be there."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise Refused(f"{path}: cannot be read ({error})") from error
    at = text.find(place)
    if at < 0 or line in text:
        why = "has this line already" if line in text else f"has no {place.strip()!r}"
        raise Refused(f"{path} {why}\n  help: docs/evals.md says what to write by hand")
    at += len(place) if after else 0
    return text[:at] + line + text[at:]
