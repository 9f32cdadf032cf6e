"""The nouns: each with its tables, types, service and errors."""
