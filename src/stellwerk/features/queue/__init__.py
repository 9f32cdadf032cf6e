"""Requests that are kept, run by workers, and read again: the queue."""
