"""Alembic: the steps from an empty database to this version."""

from stellwerk.migrations.upgrade import NewerDatabaseError, upgrade

__all__ = ["NewerDatabaseError", "upgrade"]
