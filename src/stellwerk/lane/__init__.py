"""The HTTP/1.1 side of the hot verbs: connection -> operation -> connection, in bytes."""
