"""PostgreSQL: connections, notifications, migrations."""
