"""Bytes that are too large for the database: a directory, or an object store by URL."""
