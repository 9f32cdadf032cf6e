"""The types of the public API. No behaviour."""
