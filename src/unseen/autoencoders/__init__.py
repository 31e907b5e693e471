"""Autoencoders, and twins: their reconstructions of real faces."""
