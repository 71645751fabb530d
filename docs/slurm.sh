#!/bin/bash
# One experiment under SLURM: sbatch docs/slurm.sh configs/22_lr_001_23.toml
# Of several, each as a task: sbatch --array=0-2 docs/slurm.sh FILE FILE FILE (tools/sweep says so for what it has left)
# Before its time is up, or when another job takes its place, the run saves; the job goes back into the queue and on with it.
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@120
set -u
shift "${SLURM_ARRAY_TASK_ID:-0}" || exit 2
own_run() { sed -n 's/^run \([^ ]*\).*/\1/p' "$(readlink /proc/$$/fd/1)" | tail -n 1; }  # as the job's output says

run=$(own_run)  # of an earlier start of this job
# Several processes: accelerate launch --multi_gpu --num_processes N train.py. For one, its launcher dies before train.py has saved.
srun .venv/bin/python train.py "${run:-$1}"
code=$?
run=$(own_run)
if [ -n "$run" ] && [ "$(.venv/bin/python -m harness.state "$run")" = preempted ]; then
    # The last task of an array has the number of the whole array as its own: by that one, all tasks would start again.
    scontrol requeue "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"
fi
exit $code
