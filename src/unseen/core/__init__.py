"""What every stage stands on: errors, atomic files, settings, runtime, checkpoints, processes."""
