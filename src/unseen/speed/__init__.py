"""Speed of detectors, and the machine it was measured on."""
