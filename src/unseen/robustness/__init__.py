"""Robustness of detectors to compression, blur, noise and the like."""
