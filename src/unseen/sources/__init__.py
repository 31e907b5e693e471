"""Sources of pictures and model files: downloads, archives, checksums, and a catalogue of data sets."""
