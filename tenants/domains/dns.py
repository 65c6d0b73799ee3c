"""Asking the real DNS. Three outcomes and no fourth: found, not there, could not be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.resolver

from tenants.domains.servers import server_address

if TYPE_CHECKING:
    from dns.rdata import Rdata

    from tenants.settings import Settings

PATIENCE_S = 5.0


class Silent(Exception):
    """Nobody answered the question, or whoever did could not: nothing is known."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(f"{kind} of {name}")
        self.name = name
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to one question. ``chain`` are the names that CNAMEs led to; no ``values``: there are no such records."""

    chain: tuple[str, ...]
    values: tuple[Rdata, ...]


class Dns:
    """A way into the DNS: the given servers (``address`` or ``address:port``), else those of this machine."""

    def __init__(self, servers: Sequence[str] = (), *, patience_s: float = PATIENCE_S) -> None:
        """Nothing is asked yet. Raises ValueError for a server that is no address."""
        self._resolver = _unasked(of_machine=not servers)
        if servers:
            addresses = map(server_address, servers)
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(*address) for address in addresses]
        self._resolver.lifetime = patience_s
        self._resolver.timeout = min(2.0, patience_s)
        self._resolver.use_edns(0, payload=1232)

    @classmethod
    def of(cls, settings: Settings) -> Dns:
        """The way that the deployment's settings name."""
        return cls(settings.dns_servers)

    async def ask(self, name: str, kind: str) -> Found:
        """All records of a kind at a name, behind its CNAMEs. Raises Silent."""
        try:
            return _found(await self._response(name, kind))
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise Silent(name, kind) from error

    async def _response(self, name: str, kind: str) -> dns.message.Message:
        try:
            answer = await self._resolver.resolve(f"{name}.", kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN as missing:
            responses: dict[dns.name.Name, dns.message.Message] = missing.kwargs["responses"]
            return next(iter(responses.values()))
        return answer.response


def _found(response: dns.message.Message) -> Found:
    """What a message says. Raises ChainTooLong, which is a DNSException."""
    if not isinstance(response, dns.message.QueryMessage):
        raise dns.exception.FormError
    chaining = response.resolve_chaining()
    chain = tuple(_plain(alias.target) for step in chaining.cnames for alias in step)
    return Found(chain, tuple(chaining.answer or ()))


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _unasked(*, of_machine: bool) -> dns.asyncresolver.Resolver:
    """A resolver with the machine's servers or none; where the machine names none, nobody answers."""
    try:
        return dns.asyncresolver.Resolver(configure=of_machine)
    except dns.resolver.NoResolverConfiguration:
        return dns.asyncresolver.Resolver(configure=False)
