"""Steps in the making of an environment, each with how it stands."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """A row for each step that was begun."""
    op.execute(
        """
CREATE TABLE provisioning_step (
    environment_id UUID NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER DEFAULT 1 NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    error TEXT,
    CONSTRAINT provisioning_step_pk PRIMARY KEY (environment_id, name),
    CONSTRAINT provisioning_step_state_known_ck CHECK (state in ('running', 'done', 'failed')),
    CONSTRAINT provisioning_step_environment_id_fk FOREIGN KEY(environment_id) REFERENCES environment (id)
);
        """
    )
