"""Autoencoders, and the twins that they make of real faces."""
