"""Settings, networks and the stored GAN."""
