"""Why a client's own domain is not taken, not served, or not changed."""

from __future__ import annotations

from domain.kernel.errors import Conflict, Invalid, NotFound


class DomainNameRefused(Invalid):
    """The name is malformed, belongs to a registry or to the platform, or cannot be reached from the Internet."""

    code = "domain.name_refused"


class DomainTaken(Conflict):
    """Somebody else on the platform has the name, or had it until lately. Who is told to nobody."""

    code = "domain.taken"


class TooManyDomains(Conflict):
    """The tenant has as many own domains as its plan includes."""

    code = "domain.too_many"


class DomainNotFound(NotFound):
    """The tenant has no such own domain, or no such host."""

    code = "domain.not_found"


class DomainNotReady(Conflict):
    """The DNS of the name is not as it must be; what is wrong is said in words."""

    code = "domain.not_ready"


class DnsSilent(Conflict):
    """The DNS could not be asked, so nothing is known; that is not taken for wrong."""

    code = "domain.dns_silent"


class ProductionOnly(Conflict):
    """Own domains lead to production only."""

    code = "domain.production_only"


class PrimaryAnswers(Conflict):
    """The primary host leads nowhere else: the others lead to it."""

    code = "domain.primary_answers"
