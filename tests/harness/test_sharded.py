"""Two gloo processes with shards against the same training in one process, by plain torch."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# Each rank trains a model in shards, with two micro-batches a step, and compares all of it with one process doing the
# same on both ranks' examples. Then it saves, and a last process alone reads what two have written.
SCRIPT = """
import sys
from datetime import timedelta
from pathlib import Path
import torch
from torch import distributed, nn
from harness.averaging import WeightAverage
from harness.checkpoint import Keep, load_checkpoint, save_checkpoint, shards_beside
from harness.ranks import Ranks
from harness.sharded import is_sharded, local_parts, shard_model, whole, whole_weights
from harness.step import clip
from harness.train_state import TrainState, make_room, write_tensors_in_shards

folder, num_replicas, mode = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(1)

class Blocks(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(7, 5)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(5, 5), nn.Tanh()) for _ in range(2))
        self.head = nn.Linear(5, 7, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x):
        x = self.embedding(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)

def built(shards=0):
    model = Blocks()
    if shards:
        shard_model(model, torch.device("cpu"), num_replicas=num_replicas, num_shards=shards)
    optimizers = [torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.1)]
    average = WeightAverage(model, decay=0.6, warmup_steps=1, used_by_evals=True)
    return TrainState(model=model, optimizers=optimizers, average=average, in_shards=True)

def losses_of(model, rows):
    return nn.functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())

def train(state, ranks, num_steps):
    wrapped = ranks.wrap(state.model)
    for step in range(num_steps):
        rows = torch.randint(0, 7, (4, 6), generator=torch.Generator().manual_seed(step))
        parts = rows.chunk(2)[ranks.rank].chunk(2) if ranks.num_processes == 2 else rows.chunk(4)
        for part in parts[:-1]:
            with ranks.without_sync(wrapped):
                (losses_of(wrapped, part) / len(parts)).backward()
        (losses_of(wrapped, parts[-1]) / len(parts)).backward()
        norm = clip(list(state.model.parameters()), clip_norm=0.5)
        state.optimizers[0].step()
        state.optimizers[0].zero_grad()
        state.average.update(step)
        yield norm

def equal(ours, alone):
    torch.testing.assert_close(ours, alone, rtol=1e-5, atol=1e-6)

alone = Ranks(rank=0, num_processes=1, device=torch.device("cpu"), num_threads=1)
reference = built()
norms = list(train(reference, alone, 5))
rows = torch.arange(12).view(2, 6) % 7
plain = losses_of(reference.model, rows).detach()
with reference.average.lent():
    averaged = losses_of(reference.model, rows).detach()

if mode == "two":
    distributed.init_process_group("gloo", timeout=timedelta(seconds=60))
    ranks = Ranks(rank=distributed.get_rank(), num_processes=2, device=torch.device("cpu"), num_threads=1)
    state = built(2 // num_replicas)
    assert is_sharded(state.model)
    if num_replicas == 1:
        assert sum(t.numel() for t in local_parts(state.model.parameters())) < sum(
            t.numel() for t in state.model.parameters()
        )
    for ours, expected in zip(train(state, ranks, 5), norms, strict=True):
        equal(ours, expected)
    for name, weight in state.model.named_parameters():
        equal(whole(weight.detach()), reference.model.get_parameter(name).detach())
        equal(whole(state.average.averages[name]), reference.average.averages[name])
    before = [part.clone() for part in local_parts(state.model.parameters())]
    with state.average.lent(), whole_weights(state.model), torch.inference_mode():
        if ranks.is_main:  # the other rank has nothing to evaluate, and must not be waited for
            equal(losses_of(state.model, rows), averaged)
    assert all(torch.equal(a, b) for a, b in zip(before, local_parts(state.model.parameters()), strict=True))
    state.step = 5
    shards = ranks.from_main(make_room(shards_beside(folder)) if ranks.is_main else None)
    write_tensors_in_shards(shards, state)
    if ranks.is_main:
        save_checkpoint(folder, state.contents(), keep=Keep(newest=1), facts={})
    ranks.wait()
    again = built(2 // num_replicas)
    load_checkpoint(folder / "step_00000005", again)
    for first, second in ((state, again),):
        tensors = [[*s.model.parameters(), *s.average.averages.values()] for s in (first, second)]
        for s, found in zip((first, second), tensors, strict=True):
            for parameter in s.model.parameters():
                found += [s.optimizers[0].state[parameter][key] for key in ("step", "exp_avg", "exp_avg_sq")]
        for ours, theirs in zip(*map(local_parts, tensors), strict=True):
            assert torch.equal(ours, theirs)
    list(train(state, ranks, 2))
    list(train(again, ranks, 2))
    assert all(map(torch.equal, *(local_parts(s.model.parameters()) for s in (state, again))))
    sys.stdout.flush()
else:
    state = built()
    load_checkpoint(folder / "step_00000005", state)
    assert state.step == 5
    equal(losses_of(state.model, rows).detach(), plain)
    list(train(state, alone, 3))
    list(train(reference, alone, 3))
    for name, weight in state.model.named_parameters():
        equal(weight.detach(), reference.model.get_parameter(name).detach())
        equal(state.average.averages[name], reference.average.averages[name])
print("all equal", flush=True)
import os
os._exit(0)
"""


@pytest.mark.parametrize("num_replicas", [1, 2])
def test_two_processes_with_shards_train_as_one_without_and_one_goes_on_from_their_checkpoint(
    tmp_path: Path, num_replicas: int
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    torchrun = str(Path(sys.executable).parent / "torchrun")
    for launcher, mode in (
        ([torchrun, "--standalone", "--nproc_per_node", "2", str(script)], "two"),
        ([sys.executable, str(script)], "one"),
    ):
        words = [*launcher, str(tmp_path / "checkpoints"), str(num_replicas), mode]
        done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stderr[-4000:]
        assert done.stdout.count("all equal") == (2 if mode == "two" else 1)
