"""Limits within which a detector was measured, frozen on validation faces: image quality, size and pose of a face."""
