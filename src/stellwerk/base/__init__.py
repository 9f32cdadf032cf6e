"""What every room may use: errors, settings, ids, clock, logs, metrics."""
