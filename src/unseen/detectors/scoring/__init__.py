"""Predictions of a detector on an evaluation set."""
