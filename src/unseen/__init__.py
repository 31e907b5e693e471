"""Deepfake-face detectors, measured on generators they have never seen."""

from unseen.core import telemetry

telemetry.off()
