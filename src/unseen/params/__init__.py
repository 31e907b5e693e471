"""Reading, checking and explaining params.yaml."""
