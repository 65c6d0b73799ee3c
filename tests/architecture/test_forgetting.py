"""Every column of the registry that can hold a word of a tenant's people is forgotten with the tenant, or kept for a reason."""

from sqlalchemy import ARRAY, JSON, Column, String, Table

from tenants.lifecycle.forgetting import OVERWRITTEN, REMOVED
from tenants.registry.records import CopyRow

OURS = "a word of ours: a state, a kind, or a name that the platform made"
PLATFORM = "of the platform itself, and of no tenant"
REMOVED_BEFORE = "its rows are removed before, with keys and environments of the tenant"
PROOF = "what the platform's own staff did and why: it proves the deletion"
AT_THE_END = "overwritten in the last step of the deletion, with the tenant's state"
ELSEWHERE = {"audit.actor": "by a statement of its own", "audit.facts": "by a statement of its own"}
KEPT = {
    "tenant.slug": "so that the name is not given away unawares",
    "tenant.name": AT_THE_END,
    "tenant.mail_domain": AT_THE_END,
    "tenant.plan": OURS,
    "tenant.state": OURS,
    "tenant.time_zone": OURS,
    "tenant.locale": OURS,
    "tenant.extra_features": OURS,
    "tenant.limits": OURS,
    "data_key.wrapped": REMOVED_BEFORE,
    "backup_key.recipient": REMOVED_BEFORE,
    "backup_key.wrapped_identity": REMOVED_BEFORE,
    "hostname.name": REMOVED_BEFORE,
    "hostname.kind": REMOVED_BEFORE,
    "vanity_domain.name": REMOVED_BEFORE,
    "vanity_domain.state": REMOVED_BEFORE,
    "vanity_domain.token": REMOVED_BEFORE,
    "vanity_domain.requested_by": REMOVED_BEFORE,
    "vanity_domain.problems": REMOVED_BEFORE,
    "environment.kind": OURS,
    "environment.cell": OURS,
    "environment.schema_name": OURS,
    "environment.role_name": OURS,
    "environment.state": OURS,
    "environment.head": OURS,
    "environment.trial_features": OURS,
    "provisioning_step.name": OURS,
    "provisioning_step.state": OURS,
    "transition.before": OURS,
    "transition.after": OURS,
    "transition.actor": PROOF,
    "transition.reason": PROOF,
    "audit.action": OURS,
    "backup.state": OURS,
    "backup.folder": "numbers of the tenant, its environment and the backup",
    "backup.head": OURS,
    "backup.manifest_sha256": "a checksum",
    "copy.kind": OURS,
    "copy.to_cell": OURS,
    "copy.from_cell": OURS,
    "copy.from_schema": OURS,
    "copy.to_schema": OURS,
    "copy.from_role": OURS,
    "copy.state": OURS,
    "copy.step": OURS,
    "copy.error_code": OURS,
    "erasure.actor": PROOF,
    "erasure.reason": PROOF,
    "erasure.schemas": OURS,
    "cell.name": PLATFORM,
    "cell.address": PLATFORM,
    "cell.environment_group": PLATFORM,
    "staff.user_name": PLATFORM,
    "staff.name": PLATFORM,
    "staff.password_hash": PLATFORM,
    "staff_login.address": PLATFORM,
    "staff_login.user_agent": PLATFORM,
}


def test_every_column_that_can_hold_words_is_forgotten_or_kept_for_a_reason() -> None:
    undecided = _with_words() - _forgotten() - KEPT.keys()

    assert undecided == set(), "name each in tenants/lifecycle/forgetting.py, or above with the reason why it stays"


def test_nothing_is_forgotten_or_kept_that_is_not_there() -> None:
    known = {f"{table.name}.{column.name}" for table in _tables() for column in table.columns}

    assert (_forgotten() | KEPT.keys()) - known == set()
    assert _forgotten() & KEPT.keys() == set()


def _forgotten() -> set[str]:
    overwritten = {f"{table}.{column}" for table, columns in OVERWRITTEN.items() for column in columns}
    removed = {
        f"{table.name}.{column.name}" for table in _tables() if table.name in REMOVED for column in table.columns
    }
    return overwritten | removed | ELSEWHERE.keys()


def _with_words() -> set[str]:
    return {f"{table.name}.{column.name}" for table in _tables() for column in table.columns if _holds_words(column)}


def _tables() -> list[Table]:
    return list(CopyRow.metadata.tables.values())


def _holds_words(column: Column[object]) -> bool:
    of = column.type.item_type if isinstance(column.type, ARRAY) else column.type
    return isinstance(of, String | JSON)
