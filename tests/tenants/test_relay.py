"""The address of the mail server, as an operator writes it."""

from typing import Any

import pytest
from pydantic import ValidationError

from tenants.relay import Relay, Starttls
from tenants.settings import Settings


def relay(host: str, port: int, **facts: Any) -> Relay:  # noqa: ANN401 - fields of a Relay
    """A relay, encrypted by STARTTLS and without a login unless said."""
    given: dict[str, Any] = {"is_tls": False, "starttls": Starttls.REQUIRED, "user_name": None, "password": None}
    return Relay(host, port, **(given | facts))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", relay("mail.example", 587)),
        ("smtps://mail.example", relay("mail.example", 465, is_tls=True)),
        (
            "smtp://opscom%40x:a%2Fb@[::1]:25?starttls=if-offered&ca=/etc/ca.pem",
            relay("::1", 25, starttls=Starttls.OFFERED, user_name="opscom@x", password="a/b", ca="/etc/ca.pem"),
        ),
    ],
)
def test_a_server_is_read_from_its_address(url: str, expected: Relay) -> None:
    assert Relay.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    ["mail.example", "http://mail.example", "smtp://", "smtp://mail.example/path", "smtp://mail.example?tls=1"],
)
def test_what_is_no_server_stops_the_process_at_its_start_without_telling_the_password(url: str) -> None:
    secret = url.replace("mail.example", "ann:sesame@mail.example")

    with pytest.raises(ValidationError) as refused:
        Settings(database_url="x", redis_url="x", secret_keys="x", smtp_url=secret)  # type: ignore[arg-type]

    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize("sign", ["#", "?", "/"])
def test_a_password_with_a_sign_that_an_address_cannot_have_is_not_told_either(sign: str) -> None:
    """It ends the host's part there, and Python named the rest of it as a port that is no number."""
    with pytest.raises(ValueError, match="is written as") as refused:
        Relay.parse(f"smtp://ann:sesame{sign}x@mail.example:587")

    assert "sesame" not in str(refused.value)
    assert refused.value.__cause__ is None
