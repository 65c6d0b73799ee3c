"""backups, copies, locks, approvals, own domains, erasures: what hosting many tenants needs."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """New tables, new columns of old ones, and what a process must hear of at once."""
    op.execute(
        """
CREATE TABLE approval (
    id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    feature TEXT NOT NULL,
    note TEXT DEFAULT '' NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    reminded_at TIMESTAMP WITH TIME ZONE,
    decided_at TIMESTAMP WITH TIME ZONE,
    decided_by TEXT,
    is_approved BOOLEAN,
    CONSTRAINT approval_pk PRIMARY KEY (id),
    CONSTRAINT approval_tenant_id_fk FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);

CREATE UNIQUE INDEX approval_open_uq ON approval (tenant_id, feature) WHERE decided_at is null;

CREATE TABLE backup_key (
    tenant_id UUID NOT NULL,
    recipient TEXT NOT NULL,
    wrapped_identity TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT backup_key_pk PRIMARY KEY (tenant_id),
    CONSTRAINT backup_key_tenant_id_fk FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);

CREATE TABLE erasure (
    tenant_id UUID NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    keys_destroyed_at TIMESTAMP WITH TIME ZONE,
    schemas TEXT[] DEFAULT '{}' NOT NULL,
    backups INTEGER DEFAULT 0 NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    base_backups_until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT erasure_pk PRIMARY KEY (tenant_id),
    CONSTRAINT erasure_tenant_id_fk FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);

CREATE TABLE backup (
    id UUID NOT NULL,
    environment_id UUID NOT NULL,
    reason TEXT NOT NULL,
    state TEXT DEFAULT 'running' NOT NULL,
    actor TEXT NOT NULL,
    folder TEXT NOT NULL,
    head TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    row_count BIGINT,
    byte_count BIGINT,
    manifest_sha256 TEXT,
    verified_at TIMESTAMP WITH TIME ZONE,
    error TEXT,
    CONSTRAINT backup_pk PRIMARY KEY (id),
    CONSTRAINT backup_environment_id_fk FOREIGN KEY(environment_id) REFERENCES environment (id)
);

CREATE INDEX backup_environment_id_started_at_ix ON backup (environment_id, started_at);

CREATE TABLE lock_history (
    id UUID NOT NULL,
    environment_id UUID NOT NULL,
    is_locked BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    actor_user_id UUID,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT lock_history_pk PRIMARY KEY (id),
    CONSTRAINT lock_history_environment_id_fk FOREIGN KEY(environment_id) REFERENCES environment (id)
);

CREATE INDEX lock_history_environment_id_at_ix ON lock_history (environment_id, at);

CREATE TABLE vanity_domain (
    id UUID NOT NULL,
    environment_id UUID NOT NULL,
    name TEXT NOT NULL,
    state TEXT DEFAULT 'requested' NOT NULL,
    token TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    verified_at TIMESTAMP WITH TIME ZONE,
    checked_at TIMESTAMP WITH TIME ZONE,
    problems TEXT[] DEFAULT '{}' NOT NULL,
    until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT vanity_domain_pk PRIMARY KEY (id),
    CONSTRAINT vanity_domain_state_known_ck CHECK (state in ('requested', 'active', 'failing', 'quarantined')),
    CONSTRAINT vanity_domain_environment_id_fk FOREIGN KEY(environment_id) REFERENCES environment (id)
);

CREATE UNIQUE INDEX vanity_domain_environment_id_name_uq ON vanity_domain (environment_id, name);

CREATE UNIQUE INDEX vanity_domain_held_uq ON vanity_domain (name) WHERE state in ('active', 'failing', 'quarantined');

CREATE TABLE copy (
    id UUID NOT NULL,
    environment_id UUID NOT NULL,
    kind TEXT NOT NULL,
    backup_id UUID,
    to_cell TEXT,
    from_schema TEXT,
    to_schema TEXT,
    state TEXT DEFAULT 'queued' NOT NULL,
    step TEXT DEFAULT 'queued' NOT NULL,
    rows_done BIGINT DEFAULT 0 NOT NULL,
    rows_total BIGINT DEFAULT 0 NOT NULL,
    actor TEXT NOT NULL,
    carried_login_id UUID,
    is_anonymised BOOLEAN DEFAULT false NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    error_code TEXT,
    error TEXT,
    CONSTRAINT copy_pk PRIMARY KEY (id),
    CONSTRAINT copy_to_cell_fk FOREIGN KEY(to_cell) REFERENCES cell (name),
    CONSTRAINT copy_backup_id_fk FOREIGN KEY(backup_id) REFERENCES backup (id),
    CONSTRAINT copy_environment_id_fk FOREIGN KEY(environment_id) REFERENCES environment (id)
);

CREATE INDEX copy_environment_id_started_at_ix ON copy (environment_id, started_at);

CREATE UNIQUE INDEX copy_unfinished_uq ON copy (environment_id) WHERE state in ('queued', 'running') and kind <> 'verify';

ALTER TABLE cell ADD COLUMN environment_group TEXT;

ALTER TABLE cell ADD COLUMN is_open BOOLEAN DEFAULT true NOT NULL;

ALTER TABLE environment ADD COLUMN is_locked BOOLEAN DEFAULT false NOT NULL;

ALTER TABLE environment ADD COLUMN trial_features TEXT[] DEFAULT '{}' NOT NULL;

ALTER TABLE environment ADD COLUMN copied_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE environment ADD COLUMN warned_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE environment ADD COLUMN migrated_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE environment ADD COLUMN migration_error TEXT;

ALTER TABLE hostname ADD COLUMN is_redirect BOOLEAN DEFAULT false NOT NULL;

ALTER TABLE hostname ADD COLUMN until TIMESTAMP WITH TIME ZONE;

ALTER TABLE tenant ADD COLUMN extra_features TEXT[] DEFAULT '{}' NOT NULL;

ALTER TABLE tenant ADD COLUMN limits JSONB DEFAULT '{}' NOT NULL;

create trigger vanity_domain_raises_version after insert or update or delete or truncate on vanity_domain
for each statement execute function raise_version();
        """
    )
