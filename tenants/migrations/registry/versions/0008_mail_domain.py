"""tenants: a domain of their own that their mail comes from."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """tenants: a domain of their own that their mail comes from."""
    op.execute(
        """
ALTER TABLE tenant ADD COLUMN mail_domain TEXT;

ALTER TABLE tenant ADD COLUMN mail_domain_verified_at TIMESTAMP WITH TIME ZONE;

CREATE UNIQUE INDEX tenant_mail_domain_uq ON tenant (mail_domain);
        """
    )
