"""Score millions of pictures on Ray: readers of inputs, workers, and a job that goes on after a kill."""
