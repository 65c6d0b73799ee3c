"""Initial."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Initial."""
    op.execute(
        """
CREATE TABLE task_run (
    id UUID NOT NULL,
    environment TEXT NOT NULL,
    task TEXT NOT NULL,
    payload JSONB DEFAULT '{}' NOT NULL,
    concurrency_key TEXT,
    trigger TEXT NOT NULL,
    state TEXT DEFAULT 'queued' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    not_before TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    started_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    attempt INTEGER DEFAULT 0 NOT NULL,
    crashes INTEGER DEFAULT 0 NOT NULL,
    fence INTEGER DEFAULT 0 NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE,
    progress JSONB DEFAULT '{}' NOT NULL,
    counters JSONB DEFAULT '{}' NOT NULL,
    error_class TEXT,
    error_message TEXT,
    CONSTRAINT task_run_pk PRIMARY KEY (id),
    CONSTRAINT task_run_state_known_ck CHECK (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'missed'))
);

CREATE INDEX task_run_due_ix ON task_run (environment, task, not_before) WHERE state = 'queued';

CREATE INDEX task_run_environment_task_ix ON task_run (environment, task, created_at);

CREATE INDEX task_run_lease_until_ix ON task_run (lease_until) WHERE state = 'running';

CREATE INDEX task_run_sent_at_ix ON task_run (sent_at) WHERE state = 'queued' and sent_at is not null;

CREATE UNIQUE INDEX task_run_unfinished_uq ON task_run (environment, task, concurrency_key) WHERE state in ('queued', 'running') and concurrency_key is not null;

CREATE TABLE task_schedule (
    id UUID NOT NULL,
    environment TEXT NOT NULL,
    task TEXT NOT NULL,
    rule TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    is_enabled BOOLEAN NOT NULL,
    next_run_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT task_schedule_pk PRIMARY KEY (id)
);

CREATE UNIQUE INDEX task_schedule_environment_task_uq ON task_schedule (environment, task);

CREATE INDEX task_schedule_next_run_at_ix ON task_schedule (next_run_at) WHERE is_enabled;

CREATE TABLE task_run_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    run_id UUID NOT NULL,
    environment TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    level TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    data JSONB DEFAULT '{}' NOT NULL,
    CONSTRAINT task_run_log_pk PRIMARY KEY (id),
    CONSTRAINT task_run_log_run_id_fk FOREIGN KEY(run_id) REFERENCES task_run (id) ON DELETE CASCADE
);

CREATE INDEX task_run_log_run_id_ix ON task_run_log (run_id);
        """
    )
