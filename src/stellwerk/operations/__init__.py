"""The verbs: one file each. They know no transport, no engine and no provider."""
