"""Errors of settings."""

from __future__ import annotations

from domain.kernel.errors import Conflict, Invalid


class ConnectionMissing(Conflict):
    """A vendor shall be called and is not enabled, or what is needed for the call was never entered."""

    code = "settings.connection_missing"


class EndpointInvalid(Invalid):
    """An endpoint is no plain http or https address."""

    code = "settings.endpoint_invalid"


class SettingInvalid(Invalid):
    """A setting is too long or holds control characters."""

    code = "settings.invalid"
