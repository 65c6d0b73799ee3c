"""A data key knows since when nothing needs it."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """No process holds the column in memory, so that writing it makes nobody read anything."""
    op.execute(
        """
alter table data_key add column unneeded_since timestamp with time zone;
drop trigger data_key_changed on data_key;
create trigger data_key_changed after update on data_key referencing new table as new_rows old table as old_rows
for each statement execute function note_change('r.tenant_id', '{unneeded_since}');
        """
    )
