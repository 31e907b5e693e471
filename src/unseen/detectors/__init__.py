"""One file for each kind of detector, one training loop."""
