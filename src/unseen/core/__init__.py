"""Code that every stage uses: errors, atomic files, settings, runtime, checkpoints, processes."""
