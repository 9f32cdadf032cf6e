"""The HTTP client to everything that answers the OpenAI API behind the hub."""
