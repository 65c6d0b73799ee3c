"""DNS servers in the settings: addresses with or without a port, and nothing that would only show as silence later."""

import pytest
from pydantic import ValidationError

from tenants.domains.servers import server_address
from tenants.settings import Settings


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_an_address_may_have_a_port(text: str, address: tuple[str, int]) -> None:
    assert server_address(text) == address


@pytest.mark.parametrize("text", ["", "dns.example", "dns.example:53", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:x"])
def test_what_is_no_address_stops_the_start(text: str, settings: Settings) -> None:
    with pytest.raises(ValidationError, match="dns_servers"):
        Settings.model_validate(settings.model_dump() | {"dns_servers": [text]})
