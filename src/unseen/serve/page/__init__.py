"""The page and the HTTP API of `unseen serve`."""
