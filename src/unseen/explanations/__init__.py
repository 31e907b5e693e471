"""Which part of a picture a decision depends on."""
