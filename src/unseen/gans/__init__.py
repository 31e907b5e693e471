"""One file for each GAN architecture, one training loop, one sampler."""
