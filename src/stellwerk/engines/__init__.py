"""Local engines: small OpenAI-shaped servers that run in child processes."""
