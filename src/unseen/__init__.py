"""Deepfake-face detectors, measured on generators they have never seen."""

from unseen import telemetry

telemetry.off()
