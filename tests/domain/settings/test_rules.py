"""What may be entered as an endpoint, and when a stored secret may be sent to a new one."""

import pytest

from domain.settings.errors import EndpointInvalid, SettingInvalid
from domain.settings.rules import LONGEST_SETTING, checked_endpoint, checked_text, is_same_peer


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("https://api.mistall.example/v1/", "https://api.mistall.example/v1"),
        (" http://127.0.0.1:9001 ", "http://127.0.0.1:9001"),
        ("https://[2001:db8::1]:8443/lots", "https://[2001:db8::1]:8443/lots"),
    ],
)
def test_an_endpoint_is_a_plain_address(typed: str, stored: str) -> None:
    assert checked_endpoint(typed, "live_endpoint") == stored


@pytest.mark.parametrize(
    "typed",
    [
        "api.mistall.example",
        "ftp://api.mistall.example",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@api.mistall.example",
        "https://api.mistall.example?key=1",
        "https://api.mistall.example#part",
        "https://api.mistall.example:port",
        "https://[::1",
    ],
)
def test_anything_else_is_refused(typed: str) -> None:
    with pytest.raises(EndpointInvalid) as refused:
        checked_endpoint(typed, "live_endpoint")

    assert refused.value.field == "live_endpoint"


@pytest.mark.parametrize("typed", ["a\0b", "two\nlines", "x" * (LONGEST_SETTING + 1)])
def test_a_setting_that_nobody_can_read_is_refused(typed: str) -> None:
    with pytest.raises(SettingInvalid):
        checked_text(typed, "technical_contact")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example/v1", "https://a.example/v2", True),
        ("https://a.example", "https://A.example", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example:8443", False),
        ("https://a.example", "https://b.example", False),
        ("https://a.example", None, False),
    ],
)
def test_a_peer_is_scheme_host_and_port(one: str, other: str | None, same: bool) -> None:
    assert is_same_peer(one, other) is same
