"""Diffusion models: captions of real faces, and fakes made of them."""
