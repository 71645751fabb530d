"""What people type wrongly, on the project's own schema: one located error with a caret, and the mend."""

from pathlib import Path

import pytest

from bindings import SCHEMA
from falsework import ConfigError, load
from tests.experiments import BASELINE

# The line as typed, what is said of it, and the help.
MISTAKES = {
    'seed = "1"': ("seed: expected a whole number, got the string", "write seed = 1, without quotes"),
    "model.width = true": ("model.width: expected a whole number, got true", ""),
    "optimizer.fused = 1": ("optimizer.fused: expected true or false, got the number 1", ""),
    "train.num_steps = 600.0": (
        "expected a whole number, got the number 600.0",
        "write num_steps = 600, without a point",
    ),
    "log.runs_dir = 1979-05-27": ("expected a string, got the date or time 1979-05-27", ""),
    "lr = 0.1": ("lr: unknown key", "lr belongs to optimizer.lr"),
    "train.lr = 0.1": ("train.lr: unknown key", "lr belongs to optimizer.lr"),
    "train.num-steps = 3": ("train.num-steps: unknown key", "did you mean num_steps?"),
    'optimizer.kind = "muonn"': ("optimizer.kind: unknown kind muonn", "did you mean muon?"),
    "optimizer.kind = 3": ("kind is a word, not the number 3", "one of: adamw, sgd, muon"),
    "[train.num_steps]": ("train.num_steps: a table here, but the number 600 at", "write num_steps = VALUE"),
    'optimizer = "adamw"': ("optimizer: a value here, but a table at", 'write [optimizer] with kind = "adamw"'),
    "[[eval]]": ("eval: a list here, but a table at", "write [eval.NAME]"),
    'eval = "completions"': ("eval: a value here, but a table at", "write [eval.NAME]"),
    'eval = { kind = "completions", num_bytes = 8 }': ("[eval] has no kind, but the tables in it", "write [eval.NAME]"),
    'eval.completions.prompts = { append = ["a"] }': ("a table here, but a list at", "prompts = { _append = … }"),
    'log.runs_dir = { ref = "data.kind" }': ("expected a string, got a table", "runs_dir = { _ref = … }, with the _"),
    "eval.heldout = { _unset = true }": ("nothing to unset", "did you mean held_out?"),
    'optimizer.kind = "SGD"': ("unknown kind SGD", "did you mean sgd?"),
    'eval."a b" = { kind = "bits_per_byte", stride = 8 }': ('eval."a b": a name has letters, digits, _ and -', ""),
    'train.keep_lowest = "held_out/loss"': ("must be eval/NAME/METRIC, got 'held_out/loss'", ""),
    'model.width = { _ref = "model.dim" }': ("there is no model.dim", "did you mean model.width?"),
    'model.width = { _ref = "model.wdth" }': ("there is no model.wdth", "did you mean model.width?"),
    'model.width = { _ref = "model.x" }': ("there is no model.x", "[model] has kind, num_layers, width"),
    'model.width = { _ref = "lr" }': ("there is no lr", "did you mean optimizer.lr?"),
    'schema = "2"': ("expected a whole number from 1", "without quotes, or leave the line out"),
    '{ "seed" = 1 }': ("not TOML: expected KEY = VALUE or [TABLE]", "another language than TOML"),
    'train.device = "gpu"': ('expected "auto" or "cpu" or "cuda", got the string "gpu"', ""),
    'train.num_steps = { _expr = "2 * train.num_steps" }': ("go round in a circle", "cannot be read: write the number"),
    "seed = 99999999999999999999": ("expected a whole number of 64 bits", ""),
    "optimizer.lr = 1e999": ("a number that a float cannot hold", ""),
    "optimizer.lr = nan": ("optimizer.lr: must be > 0, got nan", ""),
    "train.num_threads = -1": ("train.num_threads: must be >= 1, got -1", ""),
    "data.seq_len = 0": ("data.seq_len: must be >= 1, got 0", ""),
    'train.num_threads = "None"': ("expected a whole number", "there is no null: leave the key out"),
    "train.num_threads = None": ("not TOML: expected a value", "there is no null: leave the key out"),
    'train.num_steps = "${data.seq_len}"': ("expected a whole number", 'write { _ref = "data.seq_len" }'),
    'train.num_steps = "5%"': ("expected a whole number, got the string", ""),
    'train.num_steps = { _ref = "data.seqlen" }': ("there is no data.seqlen", "did you mean data.seq_len?"),
    'train.device = "cpu': ("not TOML: a string that does not end on its line", "close it with the quote that"),
    "train.device = cpu": ("not TOML: expected a value", 'text stands in quotes: "cpu"'),
    "train.num_steps = 10k": ("not TOML: expected the end of the line after a value", "numbers have no unit"),
    "seed: 1": ("not TOML: expected = after a key", "write KEY = VALUE"),
    "optimizer.lr = .1": ("not TOML: expected a value", "numbers begin with a digit"),
    "optimizer = {": ("not TOML: expected a key", "a table in braces { } stands on one line"),
    # gin
    "train.num_steps = %steps": ("not TOML: expected a value", 'read from another by { _ref = "TABLE.KEY" }'),
    "optimizer = @Adafactor": ("not TOML: expected a value", "a class is named by the kind of its table"),
    'include = "other.gin"': ("include: unknown key", 'named by extends = ["NAME.toml"]'),
    'optimizer = "@Muon"': ("optimizer: a value here, but a table at", "write [optimizer]"),
    "d_model = 768": ("d_model: unknown key", "d_model is model.width here"),
    # Hydra
    'defaults = ["_self_"]': ("defaults: unknown key", 'named by extends = ["NAME.toml"]'),
    'optimizer._target_ = "torch.optim.SGD"': ("_target_ is no word", "a class is named by its kind"),
    'train.num_steps = "???"': ("expected a whole number", "leave the key out: some layer has to set"),
    'train.num_steps = "${eval:2 * ${data.seq_len}}"': ("got the string", 'write { _expr = "2 * data.seq_len" }'),
    'train.num_steps = "2 * data.seq_len"': ("got the string", 'write { _expr = "2 * data.seq_len" }'),
    'train.num_steps = { _ref = "${data.seq_len}" }': ("expected a dotted path", 'write _ref = "data.seq_len"'),
    # torchtitan
    "train.local_batch_size = 8": ("unknown key", "local_batch_size is train.micro_batch_size here"),
    "train.max_norm = 1.0": ("unknown key", "max_norm is train.clip_norm here"),
    "train.compile = true": ("unknown key", "compile belongs to [compile]"),
    "train.seed = 1": ("unknown key", "seed belongs to the top of the file, before any table: seed = VALUE"),
    "[lr_scheduler]": ("lr_scheduler: unknown key", "lr_scheduler is [schedule] here"),
    'optimizer.name = "AdamW"': ("unknown key for kind adamw", 'write kind = "adamw"'),
    'precision = "bf16"': ("expected a table with a kind", 'write { kind = "bf16" }'),
    "compile = true": ("expected a table with a kind", 'write { kind = "none" or "blocks" }'),
    # prime-rl
    "max_steps = 20": ("max_steps: unknown key", "max_steps is train.num_steps here"),
    'schedule.type = "linear"': ("unknown key", 'write kind = "linear"'),
    "optim.lr = 1e-3": ("optim: unknown key", "optim is [optimizer] here"),
    "[[eval.source]]": ("expected a table with a kind, got a list", "[TABLE.NAME] for each of them"),
    "[wandb]": ("wandb: unknown key", "wandb is log.mirror.NAME here"),
    'extends = "a.toml"': ("extends goes round in a circle: a.toml -> a.toml", ""),
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_typing_error_is_one_problem_with_its_line_and_the_mend(line: str) -> None:
    Path("01_baseline.toml").write_text(BASELINE, encoding="utf-8")
    head = "" if line.startswith("extends") else 'extends = "01_baseline.toml"\n'
    Path("a.toml").write_text(f"{head}{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(["a.toml"], **SCHEMA)
    said, mend = MISTAKES[line]
    first, source, caret, *rest = str(caught.value).splitlines()
    assert first.startswith(f"a.toml:{1 + bool(head)}:")
    assert said in first
    assert source.endswith(line)
    assert caret.strip(" |").startswith("^")
    assert rest[-1] == "1 problem in 1 file; nothing was run"
    assert mend in " ".join(rest[:-1])
    assert bool(rest[:-1]) == bool(mend)


@pytest.mark.parametrize("argument", ["optimizer.lr=3e-3", "+experiment=wide", "--train.num_steps", "@"])
def test_an_override_on_the_command_line_is_answered_with_how_a_value_is_changed(argument: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load([argument], **SCHEMA)
    assert [problem.help for problem in caught.value.problems] == [
        "arguments are files: to change a value, write a file"
    ]


def test_a_missing_key_says_how_it_is_written_and_what_it_is() -> None:
    Path("a.toml").write_text(BASELINE.replace("seed = 1\n", ""))
    with pytest.raises(ConfigError) as caught:
        load(["a.toml"], **SCHEMA)
    (problem,) = caught.value.problems
    assert problem.help == "write seed = VALUE (of initial weights, order and noise), or extend a file that does"


def test_a_key_that_is_set_twice_names_the_first_line() -> None:
    Path("a.toml").write_text("seed = 1\nseed = 2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"^a\.toml:2:1: seed: set twice; first on line 1\n"):
        load(["a.toml"], **SCHEMA)
