"""A backup says with which data keys its secrets are sealed, so that the others may go."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Unknown for the backups that are there: they keep every key until their time is over."""
    op.execute("alter table backup add column data_keys integer[];")
