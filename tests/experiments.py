"""Two experiments and a sweep for tests that need to know what they hold: those of configs/ change with the project.

It goes with falsework.
"""

BASELINE = """\
schema = 2
why = "a start"

seed = 1

[data]
kind = "python_source"
seq_len = 128

[model]
kind = "gpt"
num_layers = 4
width = 128
num_heads = 4
max_positions = { _ref = "data.seq_len" }

[optimizer]
kind = "adamw"
lr = 0.001

[schedule]
kind = "cosine"
total_steps = { _ref = "train.num_steps" }
warmup_steps = 30

[train]
num_steps = 600
batch_size = 16

[eval.held_out]
kind = "bits_per_byte"
stride = 96

[eval.completions]
kind = "completions"
prompts = ["def ", "class "]
num_bytes = 160
"""
CHILD = 'extends = "01_baseline.toml"\nschema = 2\nwhy = "?"\noptimizer.lr = 0.003\n'
SWEEP = """\
extends = "../01_baseline.toml"
schema = 2
why = "which rate does each width want?"
seed = { _sweep = [1, 2] }
model.width = { _sweep = [64, 128] }
optimizer.lr = { _sweep = [0.001, 0.003, 0.01] }
"""
