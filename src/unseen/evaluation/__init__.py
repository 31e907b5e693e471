"""Everything that is measured, from predictions and shards alone."""
