"""The parent process: PostgreSQL, engine children, hub children, the memory broker."""
