"""Page images of vector stores: the pages, and the vectors by which candidates are found."""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC

revision = "0010"
down_revision = "0009"

# However a page goes (its store, its file, an ingest that starts anew), its picture goes too.
FUNCTION = """
create function vector_store_pages_gone() returns trigger language plpgsql as $$
begin
    insert into blob_orphans (heap, due_at)
    select distinct regexp_replace(picture, '/[^/]*$', ''), now() from gone
    on conflict (heap) do update set due_at = excluded.due_at;
    return null;
end
$$
"""
TRIGGER = """
create trigger vector_store_pages_gone after delete on vector_store_pages
referencing old table as gone
for each statement execute function vector_store_pages_gone()
"""


def upgrade() -> None:
    op.add_column("vector_stores", sa.Column("vision_model", sa.Text))
    op.add_column("vector_stores", sa.Column("vision_width", sa.Integer))
    op.create_table(
        "vector_store_pages",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("store_id", sa.Text, nullable=False),
        sa.Column("file_id", sa.Text, nullable=False),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("picture", sa.Text, nullable=False),
        sa.Column("picture_bytes", sa.Integer, nullable=False),
        sa.Column("vectors", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="vector_store_pages_pkey"),
        sa.ForeignKeyConstraint(
            ["store_id", "file_id"],
            ["vector_store_files.store_id", "vector_store_files.file_id"],
            "vector_store_pages_store_id_file_id_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "vector_store_pages_store_id_file_id_page_idx",
        "vector_store_pages",
        ["store_id", "file_id", "page"],
    )
    op.create_table(
        "vector_store_page_vectors",
        sa.Column("page_id", sa.BigInteger, nullable=False),
        sa.Column("store_id", sa.Text, nullable=False),
        sa.Column("file_id", sa.Text, nullable=False),
        sa.Column("embedding", HALFVEC, nullable=False),
        sa.ForeignKeyConstraint(
            ["page_id"],
            ["vector_store_pages.id"],
            "vector_store_page_vectors_page_id_fkey",
            ondelete="CASCADE",
        ),
    )
    for name in ("page_id", "store_id"):
        op.create_index(
            f"vector_store_page_vectors_{name}_idx", "vector_store_page_vectors", [name]
        )
    op.execute(FUNCTION)
    op.execute(TRIGGER)
