"""The version rises by trigger; schema numbers come from a sequence."""

from alembic import op

revision = "0002"
down_revision = "0001"

WATCHED = ("tenant", "environment", "hostname", "cell", "data_key")


def upgrade() -> None:
    """No writer can forget the version, whatever program it uses. Names are schema-qualified: a trigger's path varies."""
    op.execute(
        """
create sequence schema_number;

create function raise_version() returns trigger language plpgsql as $$
begin
    update registry.version set number = number + 1;
    return null;
end
$$;
        """
    )
    for table in WATCHED:
        op.execute(
            f"create trigger {table}_raises_version after insert or update or delete or truncate on {table} "
            "for each statement execute function raise_version();"
        )
