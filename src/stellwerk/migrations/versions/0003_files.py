"""Files, uploads in parts, and heaps of bytes that belong to nobody."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "blob_orphans",
        sa.Column("heap", sa.Text, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("heap", name="blob_orphans_pkey"),
    )
    op.create_index("blob_orphans_due_at_idx", "blob_orphans", ["due_at"])
    _create_files()
    _create_uploads()
    op.create_table(
        "upload_parts",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("upload_id", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("pieces", JSONB, nullable=False),
        _created_at(),
        sa.PrimaryKeyConstraint("id", name="upload_parts_pkey"),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], "upload_parts_upload_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("upload_parts_upload_id_idx", "upload_parts", ["upload_id"])


def _create_files() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("pieces", JSONB, nullable=False),
        _created_at(),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="files_pkey"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], "files_project_id_fkey"),
    )
    op.create_index("files_expires_at_idx", "files", ["expires_at"])
    op.create_index("files_project_id_id_idx", "files", ["project_id", "id"])


def _create_uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        _created_at(),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_after", sa.BigInteger),
        sa.Column("file_id", sa.Text),
        sa.PrimaryKeyConstraint("id", name="uploads_pkey"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], "uploads_project_id_fkey"),
        sa.ForeignKeyConstraint(
            ["file_id"], ["files.id"], "uploads_file_id_fkey", ondelete="SET NULL"
        ),
    )
    op.create_index("uploads_project_id_idx", "uploads", ["project_id"])
    op.create_index("uploads_expires_at_idx", "uploads", ["expires_at"])


def _created_at() -> sa.Column[object]:
    return sa.Column(
        "created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )
