"""Detect, align, crop and encode faces: the same preprocessing for both classes."""
