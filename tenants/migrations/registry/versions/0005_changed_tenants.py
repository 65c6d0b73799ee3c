"""A process reads again only the tenants that changed, and nothing when what it does not hold was written."""

from alembic import op

revision = "0005"
down_revision = "0004"

OF_ENVIRONMENT = "(select e.tenant_id from registry.environment e where e.id = r.environment_id)"
# By table: the tenant of a row, and the columns that no process holds in memory.
WATCHED = {
    "tenant": ("r.id", ()),
    "data_key": ("r.tenant_id", ()),
    "environment": (
        "r.tenant_id",
        ("last_login_at", "expires_at", "is_locked", "copied_at", "warned_at", "migrated_at", "migration_error"),
    ),
    "hostname": (OF_ENVIRONMENT, ()),
    "vanity_domain": (OF_ENVIRONMENT, ("checked_at", "problems")),
}


def upgrade() -> None:
    """What cannot be told of one tenant (a cell, a TRUNCATE) still goes through ``raise_version``: everything is read."""
    op.execute(
        """
alter table version add column whole bigint default 0 not null;

create table tenant_change (
    tenant_id uuid not null,
    version bigint not null,
    constraint tenant_change_pk primary key (tenant_id)
);

create index tenant_change_version_ix on tenant_change (version);

create or replace function raise_version() returns trigger language plpgsql as $$
begin
    update registry.version set number = number + 1, whole = number + 1;
    return null;
end
$$;

create function note_change() returns trigger language plpgsql as $$
declare
    came text := format('select %s as tenant_id, to_jsonb(r) - %L::text[] from new_rows r', tg_argv[0], tg_argv[1]);
    went text := format('select %s as tenant_id, to_jsonb(r) - %L::text[] from old_rows r', tg_argv[0], tg_argv[1]);
    changed uuid[];
    reached bigint;
begin
    execute format('select array_agg(distinct tenant_id) from (%s) changed', case tg_op
        when 'INSERT' then came
        when 'DELETE' then went
        else format('(%s except %s) union all (%s except %s)', came, went, went, came)
    end) into changed;
    if changed is null then
        return null;
    end if;
    update registry.version set number = number + 1 returning number into reached;
    insert into registry.tenant_change (tenant_id, version) select unnest(changed), reached
    on conflict (tenant_id) do update set version = excluded.version;
    return null;
end
$$;
        """
    )
    for table, (tenant, unread) in WATCHED.items():
        told = f"for each statement execute function note_change('{tenant}', '{{{','.join(unread)}}}')"
        op.execute(
            f"""
drop trigger {table}_raises_version on {table};
create trigger {table}_raises_version after truncate on {table} for each statement execute function raise_version();
create trigger {table}_came after insert on {table} referencing new table as new_rows {told};
create trigger {table}_went after delete on {table} referencing old table as old_rows {told};
create trigger {table}_changed after update on {table}
referencing new table as new_rows old table as old_rows {told};
            """
        )
