"""Deepfake-face detectors, measured on generators they have never seen."""
