"""What marks the answers of an environment in which nothing real happens: the data of the orange banner."""

from __future__ import annotations

from dataclasses import replace

from schema.operations.execution import Answer
from tenants.environments import Environment, EnvironmentGroup


def marked(answer: Answer, environment: Environment | None) -> Answer:
    """The answer, with ``extensions.environment`` if it comes from a preview, test or development space."""
    if environment is None or environment.kind.group is EnvironmentGroup.LIVE:
        return answer
    return replace(answer, extensions={"environment": {"kind": environment.kind, "isPreview": True}})
