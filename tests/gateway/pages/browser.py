"""A real browser for tests: Debian's Chromium, driven over its DevTools protocol with the library `websockets`."""

from __future__ import annotations

import asyncio
import base64
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect

from opscom.embedded.child import start_child, stop_child
from tests.patience import patience

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--remote-debugging-port=0",
)
GLANCE_S = 0.05


@dataclass
class Tab:
    """One page in the browser. ``complaints`` are errors of scripts and refusals of the content policy."""

    socket: ClientConnection
    target: str = ""
    complaints: list[str] = field(default_factory=list)
    _ids: count[int] = field(default_factory=lambda: count(1))

    async def send(self, method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401 - the protocol's own
        """Give a command and return its result; what happens meanwhile is noted."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params}
        if self.target:
            message["sessionId"] = self.target
        await self.socket.send(orjson.dumps(message).decode())
        async with patience():
            while True:
                said = orjson.loads(await self.socket.recv())
                if said.get("id") == number:
                    assert "error" not in said, said
                    return dict(said["result"])
                self._note(said)

    def _note(self, said: dict[str, Any]) -> None:
        params = said.get("params", {})
        if said.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif said.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"]["text"])

    async def open(self, address: str, *, width: int = 1200, height: int = 750, scheme: str = "light") -> None:
        """Go to a page, with a window of this size and this colour scheme."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        await self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await self.send("Page.navigate", url=address)
        await self.until(f"document.readyState === 'complete' && location.href === new URL('{address}').href")

    async def evaluate(self, script: str) -> Any:  # noqa: ANN401 - whatever the page says
        """The value of an expression in the page; a promise is waited for."""
        said = await self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait for an expression to become true; fail with it when it does not in time."""
        try:
            async with patience():
                while not await self.evaluate(f"Boolean({script})"):  # noqa: ASYNC110 - it looks into another process
                    await asyncio.sleep(GLANCE_S)
        except TimeoutError:
            message = f"never true in the page: {script}; complaints: {self.complaints}"
            raise AssertionError(message) from None

    async def log_in(self, user_name: str, password: str) -> None:
        """Fill the form of the page and send it."""
        await self.until("document.querySelector('#log-in fieldset:enabled')")
        typed = (("user-name", user_name), ("password", password))
        filled = "; ".join(f"document.getElementById('{field}').value = {value!r}" for field, value in typed)
        await self.evaluate(f"{filled}; document.querySelector('#log-in button').click()")

    async def picture(self, file: Path) -> None:
        """Write what is to be seen as PNG."""
        taken = await self.send("Page.captureScreenshot")
        file.write_bytes(base64.b64decode(taken["data"]))  # noqa: ASYNC240 - one small file


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[Tab]:
    """A fresh browser with one tab; its profile is in the folder."""
    assert CHROMIUM
    child = start_child(
        [CHROMIUM, *QUIET, f"--user-data-dir={folder / 'profile'}", "about:blank"], output=subprocess.DEVNULL
    )
    try:
        async with connect(await _address(folder / "profile", child), max_size=None, proxy=None) as socket:
            tab = Tab(socket)
            pages = (await tab.send("Target.getTargets"))["targetInfos"]
            page = next(info for info in pages if info["type"] == "page")
            attached = await tab.send("Target.attachToTarget", targetId=page["targetId"], flatten=True)
            tab.target = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log"):
                await tab.send(f"{domain}.enable")
            yield tab
    finally:
        stop_child(child, signal.SIGTERM, patience=5.0)


async def _address(profile: Path, child: subprocess.Popen[bytes]) -> str:
    """Where it listens, as it writes into its profile."""
    told = profile / "DevToolsActivePort"
    async with patience():
        while not told.exists() or len(told.read_text().splitlines()) < 2:
            assert child.poll() is None, "the browser ended"
            await asyncio.sleep(GLANCE_S)
    port, path = told.read_text().splitlines()
    return f"ws://127.0.0.1:{port}{path}"
