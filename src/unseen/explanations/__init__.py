"""Heatmaps of detector decisions, and training faces similar to misclassified ones."""
