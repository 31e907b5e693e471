"""Settings, networks and the stored generator."""
