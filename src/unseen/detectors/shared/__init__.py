"""Training, calibration and the artifact: what all kinds share."""
