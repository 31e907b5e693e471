"""Real faces for these tests."""

from faces_for_training import orl_faces

__all__ = ["orl_faces"]
