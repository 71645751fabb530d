#!/bin/bash
# One experiment under SLURM: sbatch docs/slurm.sh configs/22_lr_001_23.toml
# Before its time is up, or when another job takes its place, the run saves; the job goes back into the queue and on with it.
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@120
set -u
config=$1
name=$(basename "$config")
newest() { ls -d runs/"${name%.*}"-* 2>/dev/null | tail -n 1; }  # of this experiment; the ids end with their time

run=$config
[ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] && run=$(newest)
# Several processes: accelerate launch --multi_gpu --num_processes N train.py. For one, its launcher dies before train.py has saved.
srun .venv/bin/python train.py "${run:-$config}"
code=$?
if [ "$(.venv/bin/python -m harness.state "$(newest)")" = preempted ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $code
