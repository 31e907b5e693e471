"""Limits of image quality, size and pose of a face, frozen on the validation faces of a detector."""
