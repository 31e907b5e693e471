"""How fast detectors are, and the machine they were measured on."""
