"""A cell may be removed; environments that were deleted in it, and copies, go on naming it."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """A new column of an old table."""
    op.execute("alter table cell add column removed_at timestamp with time zone;")
