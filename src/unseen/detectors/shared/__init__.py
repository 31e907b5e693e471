"""Training, calibration and the artifact, shared by all kinds."""
