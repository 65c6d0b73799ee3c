"""What search engines are told: production is for the public, every other environment is not to be found."""

from __future__ import annotations

from gateway.asgi import Header, Message, Send
from tenants.environments import Environment, EnvironmentKind

HIDDEN: Header = (b"x-robots-tag", b"noindex, nofollow, noarchive")


def is_public(environment: Environment) -> bool:
    """Whether search engines may know of it."""
    return environment.kind is EnvironmentKind.PRODUCTION


def hidden(send: Send) -> Send:
    """Sends as ``send`` does, with the header that keeps an answer out of every index."""

    async def send_hidden(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], HIDDEN]}
        await send(message)

    return send_hidden
