"""approvals: why a feature was approved or declined."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """approvals: why a feature was approved or declined."""
    op.execute("ALTER TABLE approval ADD COLUMN reason TEXT DEFAULT '' NOT NULL")
