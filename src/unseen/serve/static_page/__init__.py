"""The page of `unseen serve` as static files: the exported detector runs in the browser."""
