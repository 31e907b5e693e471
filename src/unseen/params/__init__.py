"""params.yaml as a whole: read, checked, explained."""
