"""The command itself: follows a site's map and shows each state, on a terminal as a picture, elsewhere as lines."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from rich.console import Console
from rich.live import Live

from opscom.demo.places import DEFAULT_PORT, settings_of_demo
from opscom.watch.screen import changes, listed, rows, screen
from opscom.watch.stream import Lost, Place, Seen, Site, WatchRefused, states


def watch_tenant(slug: str, port: int | None, *, once: bool = False) -> None:
    """Show the map of a tenant until Ctrl-C, or one state of it. Raises WatchRefused."""
    with suppress(KeyboardInterrupt):
        asyncio.run(watch(_site(slug, port), Console(), once=once))


def _site(slug: str, port: int | None) -> Site:
    """The tenant's portal on this machine: by the environment, else by the running demo, else by the defaults."""
    known = settings_of_demo() | os.environ
    base_domain = known.get("OPSCOM_BASE_DOMAIN", "ops-com.localhost")
    return Site(f"{slug}.{base_domain}", port or int(known.get("OPSCOM_PORT", DEFAULT_PORT)))


async def watch(site: Site, console: Console, *, once: bool = False) -> None:
    """Show the states of a site's map. With ``once`` it is the first one, and a site that can not be reached is an error.

    Raises WatchRefused.
    """
    if once:
        await _once(site, console)
    elif console.is_terminal:
        await _picture(site, console)
    else:
        await _lines(site, console)


async def _once(site: Site, console: Console) -> None:
    async for state in states(site):
        if isinstance(state, Lost):
            raise WatchRefused(state.why)
        if console.is_terminal:
            console.print(listed(state.places, {}, has_lots=True))
        else:
            # Not by the console, which makes spaces of tabs.
            console.file.writelines(f"{row}\n" for row in rows(state.places))
        return


async def _picture(site: Site, console: Console) -> None:
    shown: tuple[Place, ...] = ()
    before: dict[str, int | None] = {}
    note = f"connecting to {site.url}"
    with Live(console=console, screen=True, auto_refresh=False) as live:
        async for state in states(site):
            if isinstance(state, Lost):
                note = f"connection lost ({state.why}); next try in {state.retry_in_s:.1f} s"
            else:
                before, shown = {place.id: place.percent for place in shown}, state.places
                note = f"{site.url}   ○ empty … ● full   ▲▼ since the last change   Ctrl-C ends"
            picture = screen(shown, before, title=f" {site.host} ", note=note, size=console.size)
            live.update(picture, refresh=True)


async def _lines(site: Site, console: Console) -> None:
    before: dict[str, int | None] = {}
    async for state in states(site):
        if isinstance(state, Seen):
            for line in changes(state.places, before):
                console.print(line, markup=False, highlight=False, soft_wrap=True)
            before = {place.id: place.percent for place in state.places}
        else:
            console.print(
                f"connection lost ({state.why}); next try in {state.retry_in_s:.1f} s", markup=False, soft_wrap=True
            )
