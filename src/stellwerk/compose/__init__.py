"""Settings become running processes. The only room that names engines, providers and readers."""
