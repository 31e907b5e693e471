"""Models of a Hugging Face hub: settings, download, checks."""
