"""The primary host of an environment leads nowhere else: every redirect ends there, so there is no circle."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """The database holds what ``tenants.domains.serving`` decides."""
    op.execute(
        "alter table hostname add constraint hostname_primary_answers_ck check (not (is_primary and is_redirect));"
    )
