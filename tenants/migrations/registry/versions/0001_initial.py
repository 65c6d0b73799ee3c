"""Initial."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Initial."""
    op.execute(
        """
CREATE TABLE audit (
    id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    facts JSONB NOT NULL,
    CONSTRAINT audit_pk PRIMARY KEY (id)
);

CREATE INDEX audit_at_ix ON audit (at);

CREATE TABLE cell (
    name TEXT NOT NULL,
    address TEXT,
    CONSTRAINT cell_pk PRIMARY KEY (name)
);

CREATE TABLE staff (
    id UUID NOT NULL,
    user_name TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    access_version INTEGER DEFAULT 1 NOT NULL,
    is_active BOOLEAN DEFAULT true NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT staff_pk PRIMARY KEY (id),
    CONSTRAINT staff_user_name_uq UNIQUE (user_name)
);

CREATE TABLE tenant (
    id UUID NOT NULL,
    number BIGINT GENERATED ALWAYS AS IDENTITY,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    plan TEXT DEFAULT 'standard' NOT NULL,
    state TEXT DEFAULT 'pending' NOT NULL,
    time_zone TEXT DEFAULT 'America/Toronto' NOT NULL,
    locale TEXT DEFAULT 'en-CA' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT tenant_pk PRIMARY KEY (id),
    CONSTRAINT tenant_slug_uq UNIQUE (slug),
    CONSTRAINT tenant_number_uq UNIQUE (number)
);

CREATE TABLE version (
    id INTEGER NOT NULL,
    number BIGINT NOT NULL,
    CONSTRAINT version_pk PRIMARY KEY (id),
    CONSTRAINT version_one_row_ck CHECK (id = 1)
);

CREATE TABLE data_key (
    tenant_id UUID NOT NULL,
    version INTEGER NOT NULL,
    wrapped TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT data_key_pk PRIMARY KEY (tenant_id, version),
    CONSTRAINT data_key_tenant_id_fk FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);

CREATE TABLE environment (
    id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    kind TEXT NOT NULL,
    cell TEXT NOT NULL,
    schema_name TEXT NOT NULL,
    role_name TEXT NOT NULL,
    state TEXT DEFAULT 'pending' NOT NULL,
    head TEXT DEFAULT '' NOT NULL,
    last_login_at TIMESTAMP WITH TIME ZONE,
    expires_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT environment_pk PRIMARY KEY (id),
    CONSTRAINT environment_role_name_uq UNIQUE (role_name),
    CONSTRAINT environment_tenant_id_fk FOREIGN KEY(tenant_id) REFERENCES tenant (id),
    CONSTRAINT environment_cell_fk FOREIGN KEY(cell) REFERENCES cell (name)
);

CREATE UNIQUE INDEX environment_cell_schema_name_uq ON environment (cell, schema_name);

CREATE UNIQUE INDEX environment_tenant_id_kind_uq ON environment (tenant_id, kind) WHERE state <> 'deleted';

CREATE TABLE staff_login (
    id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    staff_id UUID NOT NULL,
    access_version INTEGER NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT staff_login_pk PRIMARY KEY (id),
    CONSTRAINT staff_login_token_hash_uq UNIQUE (token_hash),
    CONSTRAINT staff_login_staff_id_fk FOREIGN KEY(staff_id) REFERENCES staff (id)
);

CREATE INDEX staff_login_staff_id_ix ON staff_login (staff_id);

CREATE TABLE hostname (
    name TEXT NOT NULL,
    environment_id UUID NOT NULL,
    kind TEXT DEFAULT 'canonical' NOT NULL,
    is_primary BOOLEAN DEFAULT false NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT hostname_pk PRIMARY KEY (name),
    CONSTRAINT hostname_environment_id_fk FOREIGN KEY(environment_id) REFERENCES environment (id),
    CONSTRAINT hostname_kind_known_ck CHECK (kind in ('canonical', 'vanity')),
    CONSTRAINT hostname_lower_case_ck CHECK (name = lower(name))
);

CREATE UNIQUE INDEX hostname_environment_id_primary_uq ON hostname (environment_id) WHERE is_primary;

CREATE TABLE transition (
    id UUID NOT NULL,
    environment_id UUID NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT transition_pk PRIMARY KEY (id),
    CONSTRAINT transition_environment_id_fk FOREIGN KEY(environment_id) REFERENCES environment (id)
);

CREATE INDEX transition_environment_id_ix ON transition (environment_id);
        """
    )
