"""Initial."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Initial."""
    op.execute(
        """
CREATE TABLE audit_entry (
    id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id UUID,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    facts JSONB NOT NULL,
    before JSONB,
    after JSONB,
    CONSTRAINT audit_entry_pk PRIMARY KEY (id)
);

CREATE INDEX audit_entry_at_ix ON audit_entry (at);

CREATE TABLE integration (
    id UUID NOT NULL,
    vendor TEXT NOT NULL,
    is_enabled BOOLEAN NOT NULL,
    technical_contact TEXT,
    documentation_url TEXT,
    live_endpoint TEXT,
    live_user_name TEXT,
    live_password TEXT,
    live_token TEXT,
    test_endpoint TEXT,
    test_user_name TEXT,
    test_password TEXT,
    test_token TEXT,
    CONSTRAINT integration_pk PRIMARY KEY (id),
    CONSTRAINT integration_vendor_uq UNIQUE (vendor),
    CONSTRAINT integration_vendor_known_ck CHECK (vendor in ('mistall', 'parking_logix'))
);

CREATE TABLE login_source (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    button_text TEXT NOT NULL,
    position INTEGER DEFAULT 0 NOT NULL,
    state TEXT DEFAULT 'candidate' NOT NULL,
    CONSTRAINT login_source_pk PRIMARY KEY (id),
    CONSTRAINT login_source_state_known_ck CHECK (state in ('candidate', 'active', 'archived'))
);

CREATE UNIQUE INDEX login_source_code_uq ON login_source (code);

CREATE TABLE role (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    permissions TEXT[] NOT NULL,
    is_builtin BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT role_pk PRIMARY KEY (id)
);

CREATE UNIQUE INDEX role_name_uq ON role (name);

CREATE TABLE sensor_lot (
    id UUID NOT NULL,
    source TEXT NOT NULL,
    external_id TEXT NOT NULL,
    name TEXT NOT NULL,
    capacity INTEGER,
    occupied INTEGER,
    free INTEGER,
    observed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    polled_at TIMESTAMP WITH TIME ZONE NOT NULL,
    is_vanished BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT sensor_lot_pk PRIMARY KEY (id),
    CONSTRAINT sensor_lot_source_external_id_uq UNIQUE (source, external_id),
    CONSTRAINT sensor_lot_external_id_given_ck CHECK (external_id <> ''),
    CONSTRAINT sensor_lot_capacity_positive_ck CHECK (capacity >= 0),
    CONSTRAINT sensor_lot_source_known_ck CHECK (source in ('mistall', 'parking_logix')),
    CONSTRAINT sensor_lot_occupied_or_free_ck CHECK (num_nonnulls(occupied, free) = 1)
);

CREATE TABLE user_type (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    grouping TEXT NOT NULL,
    is_visible BOOLEAN DEFAULT true NOT NULL,
    is_builtin BOOLEAN DEFAULT false NOT NULL,
    extra_active_vehicles INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT user_type_pk PRIMARY KEY (id),
    CONSTRAINT user_type_extra_active_vehicles_positive_ck CHECK (extra_active_vehicles >= 0),
    CONSTRAINT user_type_grouping_known_ck CHECK (grouping in ('staff', 'student', 'public', 'athletics'))
);

CREATE UNIQUE INDEX user_type_name_uq ON user_type (name);

CREATE TABLE zone (
    id UUID NOT NULL,
    long_name TEXT NOT NULL,
    short_name TEXT NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT zone_pk PRIMARY KEY (id),
    CONSTRAINT zone_long_name_given_ck CHECK (long_name <> ''),
    CONSTRAINT zone_short_name_given_ck CHECK (short_name <> '')
);

CREATE UNIQUE INDEX zone_long_name_uq ON zone (long_name) WHERE archived_at is null;

CREATE TABLE app_user (
    id UUID NOT NULL,
    user_name TEXT NOT NULL,
    user_name_key TEXT NOT NULL,
    email TEXT,
    email_key TEXT,
    name TEXT NOT NULL,
    user_type_id UUID,
    is_disabled BOOLEAN DEFAULT false NOT NULL,
    archived_at TIMESTAMP WITH TIME ZONE,
    access_version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT app_user_pk PRIMARY KEY (id),
    CONSTRAINT app_user_user_type_id_fk FOREIGN KEY(user_type_id) REFERENCES user_type (id),
    CONSTRAINT app_user_email_key_whole_ck CHECK ((email is null) = (email_key is null)),
    CONSTRAINT app_user_user_name_key_given_ck CHECK (user_name_key <> '')
);

CREATE UNIQUE INDEX app_user_email_key_uq ON app_user (email_key) WHERE email_key is not null;

CREATE UNIQUE INDEX app_user_user_name_key_uq ON app_user (user_name_key);

CREATE INDEX app_user_user_type_id_ix ON app_user (user_type_id);

CREATE TABLE lot_group (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    map_color TEXT NOT NULL,
    latitude DOUBLE PRECISION,
    longitude DOUBLE PRECISION,
    is_on_map BOOLEAN NOT NULL,
    free_parking_minutes INTEGER,
    vehicle_count_limit INTEGER,
    mistall_lot_id UUID,
    parking_logix_key TEXT,
    parking_logix_name TEXT,
    archived_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT lot_group_pk PRIMARY KEY (id),
    CONSTRAINT lot_group_mistall_lot_id_fk FOREIGN KEY(mistall_lot_id) REFERENCES sensor_lot (id),
    CONSTRAINT lot_group_name_given_ck CHECK (name <> ''),
    CONSTRAINT lot_group_point_whole_ck CHECK ((latitude is null) = (longitude is null)),
    CONSTRAINT lot_group_parking_logix_name_given_ck CHECK (parking_logix_name <> ''),
    CONSTRAINT lot_group_longitude_range_ck CHECK (longitude between -180 and 180),
    CONSTRAINT lot_group_free_parking_minutes_positive_ck CHECK (free_parking_minutes >= 0),
    CONSTRAINT lot_group_vehicle_count_limit_positive_ck CHECK (vehicle_count_limit >= 0),
    CONSTRAINT lot_group_one_sensor_ck CHECK (mistall_lot_id is null or num_nonnulls(parking_logix_key, parking_logix_name) = 0),
    CONSTRAINT lot_group_latitude_range_ck CHECK (latitude between -90 and 90),
    CONSTRAINT lot_group_map_color_form_ck CHECK (map_color ~ '^#[0-9a-f]{6}$')
);

CREATE INDEX lot_group_mistall_lot_id_ix ON lot_group (mistall_lot_id);

CREATE UNIQUE INDEX lot_group_name_uq ON lot_group (name) WHERE archived_at is null;

CREATE INDEX lot_group_parking_logix_name_ix ON lot_group (parking_logix_name);

CREATE TABLE identity (
    id UUID NOT NULL,
    source_id UUID NOT NULL,
    external_id TEXT NOT NULL,
    user_id UUID NOT NULL,
    linked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    linked_by TEXT NOT NULL,
    CONSTRAINT identity_pk PRIMARY KEY (id),
    CONSTRAINT identity_source_id_fk FOREIGN KEY(source_id) REFERENCES login_source (id),
    CONSTRAINT identity_user_id_fk FOREIGN KEY(user_id) REFERENCES app_user (id)
);

CREATE UNIQUE INDEX identity_source_id_external_id_uq ON identity (source_id, external_id);

CREATE INDEX identity_user_id_ix ON identity (user_id);

CREATE TABLE login (
    id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    user_id UUID NOT NULL,
    source_id UUID NOT NULL,
    portal TEXT NOT NULL,
    access_version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    idle_seconds INTEGER NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_by TEXT,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    CONSTRAINT login_pk PRIMARY KEY (id),
    CONSTRAINT login_user_id_fk FOREIGN KEY(user_id) REFERENCES app_user (id),
    CONSTRAINT login_source_id_fk FOREIGN KEY(source_id) REFERENCES login_source (id),
    CONSTRAINT login_portal_known_ck CHECK (portal in ('user', 'admin')),
    CONSTRAINT login_token_hash_sha256_ck CHECK (octet_length(token_hash) = 32)
);

CREATE UNIQUE INDEX login_token_hash_uq ON login (token_hash);

CREATE INDEX login_user_id_ix ON login (user_id) WHERE ended_at is null;

CREATE TABLE login_attempt (
    id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    user_id UUID,
    source TEXT NOT NULL,
    portal TEXT NOT NULL,
    reason TEXT NOT NULL,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    CONSTRAINT login_attempt_pk PRIMARY KEY (id),
    CONSTRAINT login_attempt_user_id_fk FOREIGN KEY(user_id) REFERENCES app_user (id)
);

CREATE INDEX login_attempt_at_ix ON login_attempt (at);

CREATE INDEX login_attempt_user_id_ix ON login_attempt (user_id, at);

CREATE TABLE lot (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    short_name TEXT NOT NULL,
    is_visible BOOLEAN NOT NULL,
    is_temporary_only BOOLEAN NOT NULL,
    standard_allocated INTEGER NOT NULL,
    temporary_maximum INTEGER NOT NULL,
    latitude DOUBLE PRECISION,
    longitude DOUBLE PRECISION,
    lot_group_id UUID,
    archived_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT lot_pk PRIMARY KEY (id),
    CONSTRAINT lot_lot_group_id_fk FOREIGN KEY(lot_group_id) REFERENCES lot_group (id),
    CONSTRAINT lot_latitude_range_ck CHECK (latitude between -90 and 90),
    CONSTRAINT lot_longitude_range_ck CHECK (longitude between -180 and 180),
    CONSTRAINT lot_short_name_given_ck CHECK (short_name <> ''),
    CONSTRAINT lot_standard_allocated_positive_ck CHECK (standard_allocated >= 0),
    CONSTRAINT lot_temporary_maximum_positive_ck CHECK (temporary_maximum >= 0),
    CONSTRAINT lot_point_whole_ck CHECK ((latitude is null) = (longitude is null)),
    CONSTRAINT lot_name_given_ck CHECK (name <> '')
);

CREATE INDEX lot_lot_group_id_ix ON lot (lot_group_id);

CREATE UNIQUE INDEX lot_name_uq ON lot (name) WHERE archived_at is null;

CREATE TABLE password_credential (
    user_id UUID NOT NULL,
    password_hash TEXT NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT password_credential_pk PRIMARY KEY (user_id),
    CONSTRAINT password_credential_user_id_fk FOREIGN KEY(user_id) REFERENCES app_user (id)
);

CREATE TABLE user_role (
    user_id UUID NOT NULL,
    role_id UUID NOT NULL,
    CONSTRAINT user_role_pk PRIMARY KEY (user_id, role_id),
    CONSTRAINT user_role_role_id_fk FOREIGN KEY(role_id) REFERENCES role (id),
    CONSTRAINT user_role_user_id_fk FOREIGN KEY(user_id) REFERENCES app_user (id)
);

CREATE INDEX user_role_role_id_ix ON user_role (role_id);

CREATE TABLE lot_user_type (
    lot_id UUID NOT NULL,
    user_type_id UUID NOT NULL,
    CONSTRAINT lot_user_type_pk PRIMARY KEY (lot_id, user_type_id),
    CONSTRAINT lot_user_type_lot_id_fk FOREIGN KEY(lot_id) REFERENCES lot (id) ON DELETE CASCADE,
    CONSTRAINT lot_user_type_user_type_id_fk FOREIGN KEY(user_type_id) REFERENCES user_type (id)
);

CREATE INDEX lot_user_type_user_type_id_ix ON lot_user_type (user_type_id);

CREATE TABLE lot_zone (
    id UUID NOT NULL,
    lot_id UUID NOT NULL,
    zone_id UUID NOT NULL,
    weekdays SMALLINT[],
    start_time TIME WITHOUT TIME ZONE,
    end_time TIME WITHOUT TIME ZONE,
    first_day DATE,
    last_day DATE,
    CONSTRAINT lot_zone_pk PRIMARY KEY (id),
    CONSTRAINT lot_zone_days_or_dates_ck CHECK (num_nonnulls(weekdays, start_time, end_time) = 3 and num_nonnulls(first_day, last_day) = 0 or num_nonnulls(weekdays, start_time, end_time) = 0 and num_nonnulls(first_day, last_day) = 2),
    CONSTRAINT lot_zone_lot_id_fk FOREIGN KEY(lot_id) REFERENCES lot (id) ON DELETE CASCADE,
    CONSTRAINT lot_zone_zone_id_fk FOREIGN KEY(zone_id) REFERENCES zone (id) ON DELETE CASCADE,
    CONSTRAINT lot_zone_dates_ordered_ck CHECK (first_day <= last_day),
    CONSTRAINT lot_zone_times_ordered_ck CHECK (start_time < end_time),
    CONSTRAINT lot_zone_weekdays_iso_ck CHECK (weekdays <@ array[1, 2, 3, 4, 5, 6, 7]::smallint[] and cardinality(weekdays) > 0)
);

CREATE INDEX lot_zone_lot_id_ix ON lot_zone (lot_id);

CREATE INDEX lot_zone_zone_id_ix ON lot_zone (zone_id);

CREATE TABLE permit (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    lot_id UUID NOT NULL,
    plate TEXT NOT NULL,
    plate_normalised TEXT NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
    holder_id UUID,
    CONSTRAINT permit_pk PRIMARY KEY (id),
    CONSTRAINT permit_holder_id_fk FOREIGN KEY(holder_id) REFERENCES app_user (id),
    CONSTRAINT permit_state_of_kind_ck CHECK (kind = 'standard' and state in ('reserved', 'rented', 'expired') or kind = 'temporary' and state in ('issued', 'expired')),
    CONSTRAINT permit_lot_id_fk FOREIGN KEY(lot_id) REFERENCES lot (id),
    CONSTRAINT permit_plate_given_ck CHECK (plate_normalised <> ''),
    CONSTRAINT permit_times_ordered_ck CHECK (starts_at < ends_at)
);

CREATE INDEX permit_current_ix ON permit (ends_at, lot_id, kind) WHERE state <> 'expired';

CREATE INDEX permit_holder_id_ix ON permit (holder_id);

CREATE INDEX permit_lot_id_ix ON permit (lot_id);

CREATE INDEX permit_plate_normalised_ix ON permit (plate_normalised);
        """
    )
