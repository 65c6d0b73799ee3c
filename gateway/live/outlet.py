"""The way out to one viewer. Nothing here waits: a send that can not finish at once goes on by itself."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from gateway.asgi import Message, Send
from gateway.frames import Beside


class AsgiOutlet:
    """Sends over plain ASGI, one message at a time.

    ``send`` of a server finishes at once while the peer reads (uvicorn waits only over 64 KiB unsent). So its coroutine
    is begun here without a task, and only one that stops half-way gets a task to finish it: a task for each of 5,000
    viewers and each state would cost as much as the sending itself.
    """

    def __init__(self, send: Send, *, when_clear: Callable[[], None], when_lost: Callable[[], None]) -> None:
        """``when_clear`` is called when a send that stopped half-way is done, ``when_lost`` when the peer is gone."""
        self._send = send
        self._when_clear = when_clear
        self._when_lost = when_lost
        self._pending: asyncio.Task[None] | None = None
        self.is_busy = False
        """Whether a message is still on its way, so that another one must wait."""

    def write(self, message: Message) -> None:
        """Send a message. Must not be called while busy."""
        sending = self._send(message)
        if not isinstance(sending, types.CoroutineType):
            msg = "an ASGI send returns a coroutine"
            raise TypeError(msg)
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return
        except Exception:  # noqa: BLE001 - whatever a server raises here, the peer can not be reached
            self._when_lost()
            return
        self._pending = asyncio.get_running_loop().create_task(self._finish(_Begun(sending, waits_for)))
        self.is_busy = True

    def cut(self) -> None:
        """Give up what is on its way."""
        if self._pending is not None:
            self._pending.cancel()

    async def _finish(self, begun: _Begun) -> None:
        try:
            await begun
        except asyncio.CancelledError:
            return
        except Exception:  # noqa: BLE001 - as above
            self._when_lost()
            return
        finally:
            self._pending = None
            self.is_busy = False
        self._when_clear()


class DirectOutlet:
    """The same for a connection whose states are written beside ASGI: busy also while the connection itself is full."""

    def __init__(self, by_asgi: AsgiOutlet, beside: Beside, *, when_clear: Callable[[], None]) -> None:
        """``when_clear`` is called when the connection is not full any more."""
        self._by_asgi = by_asgi
        self._beside = beside
        beside.when_writable(when_clear)

    @property
    def is_busy(self) -> bool:
        """Whether nothing more may be written now."""
        return self._by_asgi.is_busy or self._beside.is_full

    def write(self, message: Message) -> None:
        """Send a message that is no state."""
        self._by_asgi.write(message)

    def cut(self) -> None:
        """Give up what is on its way."""
        self._by_asgi.cut()


class _Begun:
    """The rest of a coroutine that was begun outside a task and stopped at ``waits_for``."""

    def __init__(self, coroutine: Coroutine[Any, None, None], waits_for: object) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[object, None, None]:
        waits_for = self._waits_for
        while True:
            try:
                yield waits_for
            except BaseException as error:  # noqa: BLE001 - a cancellation, which belongs to the coroutine
                cause: BaseException | None = error
            else:
                cause = None
            try:
                waits_for = self._coroutine.send(None) if cause is None else self._coroutine.throw(cause)
            except StopIteration:
                return
