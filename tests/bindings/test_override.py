"""Overrides on frozen objects: at any depth, nothing changed in place, every mistake refused with its path."""

import attrs
import pytest

from bindings.data import PythonSource
from bindings.evals import BitsPerByte, Completions
from bindings.fields import Misfit
from bindings.model import Convnet, Gpt
from bindings.optimizer import AdamW, Muon
from bindings.override import UNSET, Override, override
from bindings.run import Log, Run, Train
from bindings.schedule import Constant

RUN = Run(
    seed=1,
    model=Gpt(num_layers=2, width=64, num_heads=4, max_positions=32),
    data=PythonSource(seq_len=32),
    optimizer=AdamW(lr=0.01, beta2=0.9),
    schedule=Constant(),
    train=Train(num_steps=10, batch_size=8, micro_batch_size=4),
    eval={"held_out": BitsPerByte(stride=8), "completions": Completions(prompts=("def ",), num_bytes=4)},
)


def test_arguments_are_edited_and_parts_are_swapped() -> None:
    changed = override(RUN, model=override(width=512), optimizer=Muon(lr=0.02))
    assert changed == attrs.evolve(
        RUN,
        model=Gpt(num_layers=2, width=512, num_heads=4, max_positions=32),
        optimizer=Muon(lr=0.02),
    )
    assert RUN.model == Gpt(num_layers=2, width=64, num_heads=4, max_positions=32), "nothing is changed in place"


def test_what_is_not_named_stays_as_it_is() -> None:
    assert override(RUN) == RUN
    assert override(RUN, optimizer=override(lr=0.1)).optimizer == AdamW(lr=0.1, beta2=0.9)
    assert override(AdamW(lr=0.1), lr=0.2) == AdamW(lr=0.2), "any config object can be overridden"


def test_values_that_only_fit_together_are_changed_together() -> None:
    longer = override(RUN, data=override(seq_len=64), model=override(max_positions=64))
    assert longer.data.seq_len == 64
    with pytest.raises(Misfit, match=r"^model\.max_positions: must be at least data\.seq_len = 64, got 32$"):
        override(RUN, data=override(seq_len=64))


def test_named_parts_are_changed_added_and_taken_away_by_name() -> None:
    changed = override(RUN, eval=override(held_out=override(stride=4), more=BitsPerByte(stride=2), completions=UNSET))
    assert changed.eval == {"held_out": BitsPerByte(stride=4), "more": BitsPerByte(stride=2)}
    assert override(RUN, eval={}).eval == {}
    assert override(RUN, eval=UNSET) == override(RUN, eval={})


def test_a_field_goes_back_to_its_default() -> None:
    assert override(RUN, optimizer=override(beta2=UNSET)).optimizer == AdamW(lr=0.01)
    assert override(RUN, train=override(micro_batch_size=None)) == override(RUN, train=override(micro_batch_size=UNSET))
    assert override(override(RUN, log=override(every_steps=3)), log=UNSET).log == Log()


def test_values_get_the_types_that_their_fields_declare() -> None:
    changed = override(RUN, optimizer=override(lr=1), eval=override(completions=override(prompts=["a", "b"])))
    assert repr(changed.optimizer.lr) == "1.0"
    assert changed.eval["completions"] == Completions(prompts=("a", "b"), num_bytes=4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sed": 2}, "sed: Run has no such field; did you mean seed?"),
        ({"model": override(widht=8)}, "model.widht: Gpt has no such field; did you mean width?"),
        ({"lr": 0.1}, "lr: Run has no such field; lr belongs to optimizer: optimizer=override(lr=...)"),
        ({"model": override(kind="convnet")}, "model.kind: Gpt has no such field: for another kind, give an object"),
        ({"model": override(width="64")}, "model.width: expected a whole number, got str '64'"),
        ({"model": override(width=64.0)}, "model.width: expected a whole number, got float 64.0"),
        ({"model": override(tied_head=1)}, "model.tied_head: expected true or false, got int 1"),
        ({"model": override(width=None)}, "model.width: expected a whole number, got nothing"),
        ({"model": override(width=66)}, "model.num_heads: must divide width = 66 into heads of even size, got 4"),
        ({"optimizer": override(lr=-1.0)}, "optimizer.lr: 'lr' must be > 0: -1.0"),
        ({"optimizer": Gpt}, "optimizer: expected AdamW or Sgd or Muon, got type"),
        ({"optimizer": RUN.model}, "optimizer: expected AdamW or Sgd or Muon, got Gpt"),
        ({"optimizer": AdamW(lr=True)}, "optimizer.lr: expected a number, got bool True"),
        ({"train": override(device="gpu")}, "train.device: expected auto or cpu or cuda, got str 'gpu'"),
        ({"train": RUN.log}, "train: expected Train, got Log"),
        ({"seed": override(a=1)}, "seed: is 1, which has no fields to override: give a whole value"),
        ({"seed": UNSET}, "seed: Run has no default for it, so it cannot be unset"),
        ({"eval": override(held_uot=UNSET)}, "eval.held_uot: nothing has this name; did you mean held_out?"),
        ({"eval": override(new=override(stride=3))}, "eval.new: nothing has this name"),
        ({"eval": override(new=Constant())}, "eval.new: expected BitsPerByte or "),
    ],
)
def test_a_mistake_is_refused_with_its_path(changes: dict[str, object], said: str) -> None:
    with pytest.raises(Misfit) as refusal:
        override(RUN, **changes)
    assert str(refusal.value).startswith(said)


def test_only_config_objects_take_overrides() -> None:
    for target in ({"a": 1}, 3, None):
        with pytest.raises(TypeError, match="one config object"):
            override(target, a=2)
    assert isinstance(override(width=3), Override)
    assert override(Convnet(num_layers=1, num_channels=4), num_layers=2) == Convnet(num_layers=2, num_channels=4)
