"""environments: list embedding sites and exempt networks."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """environments: list embedding sites and exempt networks."""
    op.execute(
        """
ALTER TABLE environment ADD COLUMN embedding_sites TEXT[] DEFAULT '{}' NOT NULL;

ALTER TABLE environment ADD COLUMN exempt_networks TEXT[] DEFAULT '{}' NOT NULL;
        """
    )
