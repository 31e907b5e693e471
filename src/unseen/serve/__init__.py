"""Use of trained detectors: prediction, verdicts, bulk scoring."""
