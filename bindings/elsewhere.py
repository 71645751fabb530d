"""What other projects call the fields of this one: their name -> its path here. Only help for unknown keys reads it.

A name stands here if it means one thing wherever it is written; interval, freq and mode mean several.
"""

ELSEWHERE = {
    # sizes, as in transformers and T5
    "n_layer": "model.num_layers",
    "n_layers": "model.num_layers",
    "num_hidden_layers": "model.num_layers",
    "d_model": "model.width",
    "n_embd": "model.width",
    "hidden_size": "model.width",
    "n_head": "model.num_heads",
    "n_heads": "model.num_heads",
    "num_attention_heads": "model.num_heads",
    "dropout_rate": "model.dropout",
    # text
    "dataset": "data",
    "datamodule": "data",
    "max_length": "data.seq_len",
    "sequence_length": "data.seq_len",
    # steps, as in Lightning, torchtitan and prime-rl
    "training": "train",
    "trainer": "train",
    "max_steps": "train.num_steps",
    "train_steps": "train.num_steps",
    "local_batch_size": "train.micro_batch_size",
    "global_batch_size": "train.batch_size",
    "max_norm": "train.clip_norm",
    "max_grad_norm": "train.clip_norm",
    "gradient_clip_val": "train.clip_norm",
    "val_check_interval": "train.eval_every_steps",
    "ckpt": "train.checkpoint_every_steps",
    "checkpoint": "train.checkpoint_every_steps",
    # the rate
    "optim": "optimizer",
    "learning_rate": "optimizer.lr",
    "lr_scheduler": "schedule",
    "scheduler": "schedule",
    "num_warmup_steps": "schedule.warmup_steps",
    "num_training_steps": "schedule.total_steps",
    "min_lr_factor": "schedule.final_fraction",
    # the rest
    "validation": "eval",
    "mixed_precision_param": "precision",
    "parallelism": "parallel",
    "data_parallel_replicate_degree": "parallel.num_replicas",
    "data_parallel_shard_degree": "parallel.num_shards",
    "activation_checkpoint": "activations",
    "profiling": "profile",
    "log_freq": "log.every_steps",
    "wandb": "log.mirror.NAME",
    "logger": "log.mirror.NAME",
}
