"""Fakes of real faces by a diffusion model: prompts, the pipeline, the Gram gate, and the loop that makes a set."""
