"""What can be wrong with a vendor, as the class that a run ends with."""

from __future__ import annotations

from jobs.faults import Fault


class VendorFault(Fault):
    """The vendor could not be asked, or did not answer as it should."""

    error_class = "vendor_error"


class VendorFailed(VendorFault):
    """The vendor answered that it has a problem (5xx)."""

    is_passing = True


class VendorRejected(VendorFault):
    """The vendor refuses the request as it is: another 4xx, or a redirect, which is not followed."""

    error_class = "vendor_rejected"


class VendorUnauthorised(VendorFault):
    """The credentials are wrong, or no longer valid."""

    error_class = "vendor_unauthorised"


class VendorThrottled(VendorFault):
    """The vendor asks to be called less often."""

    error_class = "vendor_throttled"
    is_passing = True


class VendorTimeout(VendorFault):
    """The answer did not arrive in time."""

    error_class = "vendor_timeout"
    is_passing = True


class VendorUnreachable(VendorFault):
    """The connection failed or broke off."""

    error_class = "vendor_unreachable"
    is_passing = True


class VendorRefused(VendorFault):
    """This deployment may not call the address."""

    error_class = "vendor_address_refused"


class VendorTooLarge(VendorFault):
    """The answer is larger than any real one."""

    error_class = "vendor_too_large"


class VendorInvalidAnswer(VendorFault):
    """The answer is no JSON, or not of the agreed form."""

    error_class = "vendor_invalid_answer"


class VendorPaused(VendorFault):
    """The vendor failed several times in a row and is left alone for a while."""

    error_class = "vendor_paused"
