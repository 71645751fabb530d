"""Research code: models, data, optimizers, schedules, evals. Plain torch with plain keyword arguments.

It knows nobody: nothing here imports the trainer, a config or a loader, and everything runs from a notebook.
"""
