"""The few Protocols that have more than one real implementation."""
