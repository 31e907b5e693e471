"""The fixtures of the GANs' tests."""

from gans.conftest import _one_thread, orl_faces

__all__ = ["_one_thread", "orl_faces"]
