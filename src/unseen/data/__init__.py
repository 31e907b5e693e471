"""Stored faces: shards, splits, roles, and readers in batches."""
