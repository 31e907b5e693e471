"""One file for each kind of detector."""
