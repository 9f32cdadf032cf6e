"""What the doors share: credentials, errors as bytes, SSE framing."""
