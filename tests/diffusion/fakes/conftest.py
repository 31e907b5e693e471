"""The fixtures of the tests of diffusion."""

from gans.conftest import _one_thread, orl_faces

__all__ = ["_one_thread", "orl_faces"]
