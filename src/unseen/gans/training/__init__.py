"""The training loop and the GAN metrics."""
