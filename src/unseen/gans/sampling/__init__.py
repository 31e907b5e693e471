"""Drawing pictures from a trained GAN."""
