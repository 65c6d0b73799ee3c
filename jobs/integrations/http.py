"""Asking a vendor over HTTP: the platform's one client, the breaker, and a fault class for everything that can go wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

import orjson

from jobs.integrations.breaker import Breakers
from jobs.integrations.faults import (
    VendorFailed,
    VendorFault,
    VendorInvalidAnswer,
    VendorRefused,
    VendorRejected,
    VendorThrottled,
    VendorTimeout,
    VendorTooLarge,
    VendorUnauthorised,
    VendorUnreachable,
)
from tenants.egress import (
    DEFAULT_LIMITS,
    Answer,
    Egress,
    EgressError,
    EgressRefused,
    EgressTimeout,
    EgressTooLarge,
    Limits,
)

if TYPE_CHECKING:
    from domain.kernel.clock import Clock

LONGEST_WAIT = timedelta(hours=1)
UNAUTHORISED = frozenset({401, 403})
WORTH_ANOTHER_TRY = frozenset({408, 425})
TOO_MANY = 429
UNAVAILABLE = 503
SERVER_ERROR = 500
OK = 200


@dataclass(frozen=True, slots=True)
class VendorHttp:
    """Calls vendors for one run of one environment. ``by_hand``: somebody pressed RUN and waits for the truth."""

    egress: Egress
    breakers: Breakers
    environment_id: UUID
    clock: Clock
    by_hand: bool = False
    limits: Limits = DEFAULT_LIMITS

    async def get_json(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
    ) -> object:
        """The JSON that a GET is answered with. Raises the VendorFault that fits; none tells a secret or the vendor's text."""
        key = self.environment_id, _connection(url, headers, basic)
        with self.breakers.guard(key, by_hand=self.by_hand):
            answer = await self._ask(url, headers, basic)
            self._check(answer)
            return _parse(answer.body)

    async def _ask(self, url: str, headers: Mapping[str, str] | None, basic: tuple[str, str] | None) -> Answer:
        try:
            return await self.egress.request("GET", url, headers=headers, basic=basic, limits=self.limits)
        except EgressRefused as error:
            raise VendorRefused(error.message) from error
        except EgressTimeout as error:
            raise VendorTimeout(f"No answer within {self.limits.total_s:g} s.") from error
        except EgressTooLarge as error:
            raise VendorTooLarge(f"The answer has more than {self.limits.max_bytes} bytes.") from error
        except EgressError as error:
            raise VendorUnreachable(error.message) from error

    def _check(self, answer: Answer) -> None:
        """Raise the fault that a status other than 200 means."""
        status = answer.status
        if status == OK:
            return
        wait = _retry_after(answer.headers.get("retry-after"), self.clock())
        if status in UNAUTHORISED:
            raise VendorUnauthorised(f"The vendor does not accept the credentials (status {status}).")
        if status == TOO_MANY or (status == UNAVAILABLE and wait is not None):
            raise VendorThrottled(f"The vendor asks to be called less often (status {status}).", retry_after=wait)
        raise _other(status)


def _other(status: int) -> VendorFault:
    if status >= SERVER_ERROR or status in WORTH_ANOTHER_TRY:
        return VendorFailed(f"The vendor answered with status {status}.")
    return VendorRejected(f"The vendor does not accept the request (status {status}).")


def _parse(body: bytes) -> object:
    try:
        parsed: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        msg = "The answer is no JSON."
        raise VendorInvalidAnswer(msg) from error
    return parsed


def _retry_after(value: str | None, now: datetime) -> timedelta | None:
    """How long the vendor asks us to wait, an hour at most: seconds, or a date. None for anything else."""
    if value is None:
        return None
    if value.strip().isdecimal():
        wait = timedelta(seconds=min(int(value[:9]), LONGEST_WAIT.total_seconds()))
    else:
        try:
            until = parsedate_to_datetime(value)
        except ValueError:
            return None
        wait = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    return max(timedelta(0), min(wait, LONGEST_WAIT))


def _connection(url: str, headers: Mapping[str, str] | None, basic: tuple[str, str] | None) -> str:
    """Names a connection by its peer and credentials, so that new credentials begin without the old ones' failures."""
    parts = urlsplit(url)
    secret = repr((sorted((headers or {}).items()), basic)).encode()
    return f"{parts.scheme}://{parts.netloc} {hashlib.sha256(secret).hexdigest()}"
