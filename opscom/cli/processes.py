"""`opscom gateway`, `opscom worker`, `opscom dispatcher`: the long-running processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opscom.cli.running import with_platform

if TYPE_CHECKING:
    from opscom.platform import Platform

app = typer.Typer()


@app.command()
def gateway() -> None:
    """Answer browsers and programs: GraphQL over HTTP, WebSocket and SSE, the live map and the small pages."""
    from opscom.web import serve_gateway  # noqa: PLC0415 - keeps --help quick

    with_platform(serve_gateway, follow=True, keeps_map=True)


@app.command()
def worker(
    queues: Annotated[str, typer.Option(help="Comma list of queues to work off; all of them if none is named.")] = "",
) -> None:
    """Carry out runs of system tasks."""
    from domain.tasks.catalogue import Queue  # noqa: PLC0415
    from jobs.worker import serve  # noqa: PLC0415

    known = {queue.value: queue for queue in Queue}
    wanted = [name.strip() for name in queues.split(",") if name.strip()]
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        msg = f"unknown queue {', '.join(unknown)}; there are {', '.join(known)}"
        raise typer.BadParameter(msg)
    chosen = frozenset(known[name] for name in wanted) or frozenset(Queue)

    async def work(platform: Platform) -> None:
        await serve(platform, chosen)

    with_platform(work, follow=True)


@app.command()
def dispatcher() -> None:
    """Find what is due and wake workers. Any number may run."""
    from jobs.dispatcher import serve  # noqa: PLC0415 - keeps --help quick

    with_platform(serve, follow=True)
