"""Takes requests off the queue and runs their operations."""
