"""The stored face: shards, splits, and reading them in batches."""
