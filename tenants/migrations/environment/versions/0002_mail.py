"""Mail, captures, one-time links and guests of previews."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Mail, captures, one-time links and guests of previews."""
    op.execute(
        """
CREATE TABLE capture (
    id UUID NOT NULL,
    vendor TEXT NOT NULL,
    purpose TEXT NOT NULL,
    address TEXT NOT NULL,
    body TEXT NOT NULL,
    count INTEGER DEFAULT 1 NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT capture_pk PRIMARY KEY (id)
);

CREATE UNIQUE INDEX capture_equal_uq ON capture (vendor, purpose, address, md5(body));

CREATE INDEX capture_last_at_ix ON capture (last_at);

CREATE TABLE mail_settings (
    id INTEGER NOT NULL,
    reply_to TEXT,
    CONSTRAINT mail_settings_pk PRIMARY KEY (id),
    CONSTRAINT mail_settings_one_row_ck CHECK (id = 1)
);

CREATE TABLE preview_guest (
    id UUID NOT NULL,
    name_key TEXT NOT NULL,
    invited_at TIMESTAMP WITH TIME ZONE NOT NULL,
    invited_by TEXT NOT NULL,
    CONSTRAINT preview_guest_pk PRIMARY KEY (id)
);

CREATE UNIQUE INDEX preview_guest_name_key_uq ON preview_guest (name_key);

CREATE TABLE message (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    user_id UUID NOT NULL,
    facts JSONB DEFAULT '{}' NOT NULL,
    cause TEXT,
    state TEXT DEFAULT 'waiting' NOT NULL,
    reason TEXT,
    address TEXT,
    subject TEXT,
    text TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT message_pk PRIMARY KEY (id),
    CONSTRAINT message_state_known_ck CHECK (state in ('waiting', 'sent', 'captured', 'kept', 'failed', 'cancelled')),
    CONSTRAINT message_user_id_fk FOREIGN KEY(user_id) REFERENCES app_user (id)
);

CREATE UNIQUE INDEX message_cause_uq ON message (cause) WHERE cause is not null;

CREATE INDEX message_unsent_ix ON message (created_at) WHERE state in ('waiting', 'kept');

CREATE INDEX message_user_id_ix ON message (user_id);

CREATE TABLE one_time_link (
    id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    purpose TEXT NOT NULL,
    user_id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT one_time_link_pk PRIMARY KEY (id),
    CONSTRAINT one_time_link_token_hash_sha256_ck CHECK (octet_length(token_hash) = 32),
    CONSTRAINT one_time_link_user_id_fk FOREIGN KEY(user_id) REFERENCES app_user (id),
    CONSTRAINT one_time_link_purpose_known_ck CHECK (purpose in ('invitation', 'entry'))
);

CREATE UNIQUE INDEX one_time_link_token_hash_uq ON one_time_link (token_hash);

CREATE INDEX one_time_link_user_id_ix ON one_time_link (user_id) WHERE used_at is null;
        """
    )
