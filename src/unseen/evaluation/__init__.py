"""Metrics, computed from predictions and shards alone."""
