"""One file per resource: models, admin, health, docs."""
