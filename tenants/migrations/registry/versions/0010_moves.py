"""A move knows where it came from, and every process that an environment is being moved."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """New columns of old tables."""
    op.execute(
        """
alter table copy add column from_cell text constraint copy_from_cell_fk references cell (name);
alter table copy add column from_role text;
alter table environment add column is_moving boolean default false not null;
        """
    )
