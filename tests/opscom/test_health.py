"""What `opscom doctor` says of parts that are away."""

from dataclasses import replace
from typing import cast

from opscom.health import findings
from opscom.platform import Platform
from tenants.bus import Bus


class Silent:
    """A bus whose server takes connections and says nothing."""

    @property
    def redis(self) -> "Silent":
        """Its client."""
        return self

    async def ping(self) -> None:
        """Wait for an answer."""
        raise TimeoutError


async def test_a_failure_without_words_is_a_finding_and_no_end_of_the_others(platform: Platform) -> None:
    """The text of a TimeoutError is empty, and the doctor fell over its first line."""
    found = [one async for one in findings(replace(platform, bus=cast("Bus", Silent())))]

    (bad,) = (one for one in found if not one.is_ok)
    assert (bad.what, bad.words) == ("Valkey", "TimeoutError()")
    assert found[-1].what == "keys"
