"""The smallest accelerate script that trains a GPT of zoo: what debug_run.py measures train.py against.

It takes the sizes as JSON and does nothing but steps on random bytes: no config, record, metrics, checkpoint or eval.

    accelerate launch benchmarks/smallest_accelerate_script.py '{"num_steps": 20, "batch_size": 8, "seq_len": 64, ...}'
"""

import json
import sys
import time

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch.utils.data import DataLoader

import zoo.optimizers
from zoo.gpt import Gpt

sizes = json.loads(sys.argv[1])
accelerator = Accelerator()
model = Gpt(**sizes["model"])
optimizers = getattr(zoo.optimizers, sizes["optimizer_kind"])(model, **sizes["optimizer"])
tokens = torch.randint(256, (sizes["num_steps"] * sizes["batch_size"], sizes["seq_len"] + 1))

model, *optimizers = accelerator.prepare(model, *optimizers)
loader = accelerator.prepare(DataLoader(tokens, batch_size=sizes["batch_size"]))  # type: ignore[arg-type]  # rows
has_stepped = False
for batch_BT in loader:
    logits_BTV = model(batch_BT[:, :-1])
    loss = F.cross_entropy(logits_BTV.flatten(0, 1), batch_BT[:, 1:].flatten())
    accelerator.backward(loss)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    if not has_stepped:
        accelerator.print(f"first step ended at {time.time():.3f}")
        has_stepped = True
accelerator.print(f"loss {loss.item():.4f}")
