"""Detectors in use: prediction, verdicts, bulk scoring."""
