"""Batches: files of requests that run on the queue, a window of lines at a time."""
