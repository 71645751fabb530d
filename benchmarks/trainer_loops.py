"""The loops that benchmarks/trainer.py compares: each trains one model for some steps as its own documentation says.

All clip to 1.0, follow the same schedule and shuffle the same data. Peers are imported when they run.
"""

import importlib
import logging
import tempfile
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, DistributedSampler, default_collate

from benchmarks.trainer_models import (
    BATCH_SIZE,
    LEARNING_RATE,
    SEQ_LEN,
    RandomBytes,
    lr_factor,
    model_and_optimizer,
)
from harness.console import Console
from harness.job import Batch, Job
from harness.loop import train
from harness.ranks import Ranks
from harness.run_directory import open_run_directory
from harness.split import split_batch
from harness.stop import StopFlag
from zoo.windows import Windows

Loop = Callable[[str, int, Ranks], None]
LOG_EVERY_STEPS = 10
DATA = RandomBytes()


def bare(name: str, num_steps: int, ranks: Ranks) -> None:
    """What everybody writes first: DataLoader, loss, backward, clip, optimizer, schedule."""
    model, optimizer = model_and_optimizer(name)
    schedule = LambdaLR(optimizer, lr_factor)
    if ranks.num_processes > 1:
        model = DistributedDataParallel(model)
    _plain_steps(model, optimizer, schedule, _loader(ranks), num_steps, lambda loss: loss.backward())


def bare_again(name: str, num_steps: int, ranks: Ranks) -> None:
    """The same a second time: its difference from `bare` is the noise."""
    bare(name, num_steps, ranks)


def bare_no_loader(name: str, num_steps: int, ranks: Ranks) -> None:
    """Bare with batches that are there already: what the DataLoader costs."""
    model, optimizer = model_and_optimizer(name)
    schedule = LambdaLR(optimizer, lr_factor)
    if ranks.num_processes > 1:
        model = DistributedDataParallel(model)
    batches = [batch for _, batch in zip(range(16), _loader(ranks), strict=False)]
    repeated = (batches[number % 16] for number in range(num_steps))
    _plain_steps(model, optimizer, schedule, repeated, num_steps, lambda loss: loss.backward())


def ours(name: str, num_steps: int, ranks: Ranks) -> None:
    """The harness as train.py runs it: order, checks, metrics of every step in the record, a line every ten steps."""
    model, optimizer = model_and_optimizer(name)
    num_targets = BATCH_SIZE * SEQ_LEN
    job = Job(
        model=model,
        optimizers=[optimizer],
        lr_factor=lr_factor,
        examples=Windows(DATA.stream.to(torch.uint8).numpy(), seq_len=SEQ_LEN),
        loss_sum=_loss_sum,
        num_targets=lambda _batch: num_targets,
        evals={},
        autocast=lambda _device: nullcontext(),
        seed=1,
        num_steps=num_steps,
        batch_size=BATCH_SIZE * ranks.num_processes,
        micro_batch_size=None,
        clip_norm=1.0,
        log_every_steps=LOG_EVERY_STEPS,
        eval_every_steps=None,
        checkpoint_every_steps=num_steps,
        keep_checkpoints=1,
        facts={"precision": "fp32"},
        prefetch_steps=8,
    )
    split = split_batch(batch_size=job.batch_size, num_processes=ranks.num_processes)
    with tempfile.TemporaryDirectory() as folder:
        run = open_run_directory(Path(folder)) if ranks.is_main else None
        train(job, split, ranks, run, Console(speaks=ranks.is_main), StopFlag())
        if run is not None:
            run.close()


def _loss_sum(model: nn.Module, batch: Batch) -> Tensor:
    loss: Tensor = model(*batch) * (BATCH_SIZE * SEQ_LEN)
    return loss


def accelerate(name: str, num_steps: int, ranks: Ranks) -> None:
    """Everything prepared, as accelerate's first page shows it."""
    del ranks
    accelerator = importlib.import_module("accelerate").Accelerator(cpu=True)
    model, optimizer = model_and_optimizer(name)
    model, optimizer, loader, schedule = accelerator.prepare(
        model, optimizer, _plain_loader(), LambdaLR(optimizer, lr_factor)
    )
    for _, batch in zip(range(num_steps), loader, strict=False):
        accelerator.backward(model(**batch))
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    accelerator.free_memory()


def accelerate_step_only(name: str, num_steps: int, ranks: Ranks) -> None:
    """Of accelerate the prepared model and the backward pass, and nothing else."""
    accelerator = importlib.import_module("accelerate").Accelerator(cpu=True)
    model, optimizer = model_and_optimizer(name)
    schedule = LambdaLR(optimizer, lr_factor)
    model = accelerator.prepare(model)
    _plain_steps(model, optimizer, schedule, _loader(ranks), num_steps, accelerator.backward)
    accelerator.free_memory()


def fabric(name: str, num_steps: int, ranks: Ranks) -> None:
    """Lightning Fabric."""
    del ranks
    lightning = importlib.import_module("lightning.fabric").Fabric(accelerator="cpu", devices=1)
    model, optimizer = model_and_optimizer(name)
    schedule = LambdaLR(optimizer, lr_factor)
    model, optimizer = lightning.setup(model, optimizer)
    loader = lightning.setup_dataloaders(_plain_loader())
    for _, batch in zip(range(num_steps), loader, strict=False):
        lightning.backward(model(**batch))
        lightning.clip_gradients(model, optimizer, max_norm=1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def lightning_csv(name: str, num_steps: int, ranks: Ranks) -> None:
    """Lightning's Trainer with its CSV logger, a row every ten steps."""
    del ranks
    lightning = importlib.import_module("lightning")
    loggers = importlib.import_module("lightning.pytorch.loggers")
    for known in [*logging.root.manager.loggerDict]:
        if known.startswith("lightning"):
            logging.getLogger(known).setLevel(logging.ERROR)
    model, optimizer = model_and_optimizer(name)
    schedule = {"scheduler": LambdaLR(optimizer, lr_factor), "interval": "step"}

    class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]  # a peer without types here
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: dict[str, Tensor], _number: int) -> Tensor:
            loss: Tensor = self.model(**batch)
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> dict[str, Any]:
            return {"optimizer": optimizer, "lr_scheduler": schedule}

    with tempfile.TemporaryDirectory() as folder:
        lightning.Trainer(
            accelerator="cpu",
            devices=1,
            max_steps=num_steps,
            gradient_clip_val=1.0,
            logger=loggers.CSVLogger(folder),
            log_every_n_steps=LOG_EVERY_STEPS,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            num_sanity_val_steps=0,
            default_root_dir=folder,
        ).fit(Module(), _plain_loader())


def hf_trainer(name: str, num_steps: int, ranks: Ranks) -> None:
    """The Trainer of transformers, a line every ten steps."""
    del ranks
    transformers = importlib.import_module("transformers")
    transformers.utils.logging.set_verbosity_error()
    model, optimizer = model_and_optimizer(name)

    class WithLoss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
            return {"loss": self.model(inputs, targets)}

    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            max_steps=num_steps,
            per_device_train_batch_size=BATCH_SIZE,
            learning_rate=LEARNING_RATE,
            max_grad_norm=1.0,
            logging_steps=LOG_EVERY_STEPS,
            report_to="none",
            save_strategy="no",
            use_cpu=True,
            dataloader_pin_memory=False,
            dataloader_drop_last=True,
            remove_unused_columns=False,
            disable_tqdm=True,
        )
        transformers.Trainer(
            model=WithLoss(),
            args=arguments,
            train_dataset=DATA,
            data_collator=default_collate,
            optimizers=(optimizer, LambdaLR(optimizer, lr_factor)),
        ).train()


def composer(name: str, num_steps: int, ranks: Ranks) -> None:
    """MosaicML's Composer, where it installs."""
    del ranks
    mosaic = importlib.import_module("composer")
    model, optimizer = model_and_optimizer(name)

    class Model(importlib.import_module("composer.models").ComposerModel):  # type: ignore[misc]  # a peer without types
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, batch: dict[str, Tensor]) -> Tensor:
            loss: Tensor = self.model(**batch)
            return loss

        def loss(self, outputs: Tensor, _batch: dict[str, Tensor]) -> Tensor:
            return outputs

    mosaic.Trainer(
        model=Model(),
        train_dataloader=_plain_loader(),
        max_duration=f"{num_steps}ba",
        optimizers=optimizer,
        schedulers=LambdaLR(optimizer, lr_factor),
        step_schedulers_every_batch=True,
        algorithms=[importlib.import_module("composer.algorithms").GradientClipping("norm", 1.0)],
        device="cpu",
        progress_bar=False,
        log_to_console=False,
    ).fit()


ON_ONE_PROCESS: dict[str, Loop] = {
    "bare": bare,
    "bare again": bare_again,
    "bare, no loader": bare_no_loader,
    "ours": ours,
    "accelerate": accelerate,
    "accelerate, step only": accelerate_step_only,
    "Fabric": fabric,
    "Lightning, CSV": lightning_csv,
    "HF Trainer": hf_trainer,
    "Composer": composer,
}
ON_TWO_PROCESSES = {
    name: ON_ONE_PROCESS[name]
    for name in ("bare", "bare again", "bare, no loader", "ours", "accelerate", "accelerate, step only")
}


def _plain_steps(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: LambdaLR,
    batches: Iterable[dict[str, Tensor]],
    num_steps: int,
    backward: Callable[[Tensor], object],
) -> None:
    for _, batch in zip(range(num_steps), batches, strict=False):
        backward(model(**batch))
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def _loader(ranks: Ranks) -> DataLoader[dict[str, Tensor]]:
    if ranks.num_processes == 1:
        return _plain_loader()
    return DataLoader(DATA, batch_size=BATCH_SIZE, sampler=DistributedSampler(DATA), drop_last=True)


def _plain_loader() -> DataLoader[dict[str, Tensor]]:
    return DataLoader(DATA, batch_size=BATCH_SIZE, shuffle=True, drop_last=True)
