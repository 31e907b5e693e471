"""Captions and zero-shot attributes of real faces, for the prompts of diffusion models."""
