"""Find the detector that a command's argument names."""

from unseen.serve.detector_folders import DETECTORS, ENSEMBLES, detector_folder

__all__ = ["DETECTORS", "ENSEMBLES", "detector_folder"]
