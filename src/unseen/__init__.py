"""Deepfake-face detectors, measured on generators they have never seen."""

from unseen.core import openmp, telemetry

openmp.limit_active_wait()
telemetry.off()
