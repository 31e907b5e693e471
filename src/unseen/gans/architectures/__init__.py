"""One file for each GAN architecture."""
