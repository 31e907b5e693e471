"""Score millions of pictures on Ray: readers of inputs, workers, and a job that can be resumed after a kill."""
