"""How much of a request's work is done."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("requests", sa.Column("progress", sa.REAL))
