"""Find, align, crop and encode faces: one road for both classes."""
