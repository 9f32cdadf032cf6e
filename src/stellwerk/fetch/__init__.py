"""What the hub fetches from, and sends to, addresses that its callers name."""
