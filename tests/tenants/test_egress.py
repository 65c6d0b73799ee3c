"""Calls to third parties: private addresses refused, deadlines and sizes kept, names resolved once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_network

import pytest

from tenants.egress import Egress, EgressError, EgressRefused, EgressTimeout, EgressTooLarge, Limits

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
Serve = Callable[[bytes], Awaitable[str]]


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    """A client that may call loopback, as a laptop's simulators need."""
    client = Egress(LOOPBACK)
    yield client
    await client.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server on loopback that answers any request with the given bytes; none at all means silence."""
    servers: list[asyncio.Server] = []
    silent = asyncio.Event()

    async def start(answer: bytes) -> str:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            if not answer:
                await silent.wait()
            writer.write(answer)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/lots"

    yield start
    silent.set()
    for server in servers:
        server.close()


async def test_an_answer_is_read_whole_whatever_its_status(egress: Egress, serve: Serve) -> None:
    url = await serve(b"HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno")

    answer = await egress.request("GET", url)

    assert (answer.status, answer.headers["retry-after"], answer.body) == (429, "7", b"no")


async def test_a_redirect_is_an_answer_and_is_not_followed(egress: Egress, serve: Serve) -> None:
    url = await serve(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")

    assert (await egress.request("GET", url)).status == 302


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "http://localhost:9/",
        "http://[::1]:9/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://[::ffff:10.0.0.1]/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://[ff0e::1]/",
        "http://[64:ff9b::10.0.0.1]/",
        "file:///etc/passwd",
        "ftp://example.org/",
        "http://user:password@127.0.0.1/",
        "http:///nohost",
    ],
)
async def test_private_addresses_and_odd_schemes_are_refused(url: str) -> None:
    closed = Egress()

    with pytest.raises(EgressRefused):
        await closed.request("GET", url)

    await closed.close()


async def test_an_allowed_network_does_not_open_others(egress: Egress) -> None:
    with pytest.raises(EgressRefused):
        await egress.request("GET", "http://10.0.0.1/")


async def test_a_silent_server_is_given_up(egress: Egress, serve: Serve) -> None:
    with pytest.raises(EgressTimeout):
        await egress.request("GET", await serve(b""), limits=Limits(total_s=0.2))


async def test_a_huge_answer_is_cut_off(egress: Egress, serve: Serve) -> None:
    url = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 4_000_000)

    with pytest.raises(EgressTooLarge):
        await egress.request("GET", url, limits=Limits(max_bytes=1_000_000))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"nonsense\r\n\r\n"])
async def test_half_an_answer_or_nonsense_is_an_error(egress: Egress, serve: Serve, answer: bytes) -> None:
    with pytest.raises(EgressError):
        await egress.request("GET", await serve(answer))


async def test_nobody_listening_is_an_error_that_names_the_host(egress: Egress) -> None:
    with pytest.raises(EgressError) as failed:
        await egress.request("GET", "http://127.0.0.1:1/")

    assert failed.value.details["host"] == "127.0.0.1:1"


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..b", ".", "\u2028x"])
async def test_an_address_that_can_be_no_host_is_an_error_of_the_call(egress: Egress, host: str) -> None:
    """Somebody typed it into a setting: it must end a run in words, not as a mistake of ours."""
    with pytest.raises(EgressError):
        await egress.request("GET", f"http://{host}/")


async def test_a_secret_that_fits_no_header_is_an_error_of_the_call(egress: Egress, serve: Serve) -> None:
    with pytest.raises(EgressError):
        await egress.request("GET", await serve(b""), headers={"X-Api-Key": "clé\N{EURO SIGN}"})
