"""Calls to clients' own servers when something of theirs has ended: signed, durable, retried."""
