# SPDX-License-Identifier: Apache-2.0
"""Runs that are talked to: input goes in while output comes out."""
from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque
from typing import Any, AsyncIterator, Deque, Iterator, Optional

from ._types import Bytes, Event, RunResult
from ._ws import Wire, input_words, words

BLOCK_BYTES = 65536


class _Talk:
    """What has come and was not taken yet."""

    def __init__(self, wire: Wire):
        self._wire = wire
        self._events: Deque[Event] = deque()
        self.result: Optional[RunResult] = None

    def _take(self) -> Optional[Event]:
        """None: it has to be waited for, or the wire has ended."""
        if self._events:
            event = self._events.popleft()
            self.result = event.result or self.result
            return event
        if self._wire.failure:
            raise self._wire.failure
        return None


class _Until:
    """Output that is collected until it ends like that."""

    def __init__(self, end: Bytes):
        self.seen, self._end = b"", end.encode() if isinstance(end, str) else end

    def add(self, event: Event) -> bool:
        self.seen += event.data
        return bool(event.data) and self.seen.endswith(self._end)

    def missed(self) -> EOFError:
        return EOFError(f"the run ended after {self.seen!r}")


class Interaction(_Talk):
    """A run that goes on. One thread iterates over its events, any may send. close(), which a with statement calls, ends the run."""

    def __init__(self, connection: socket.socket, wire: Wire):
        super().__init__(wire)
        self._socket, self._lock = connection, threading.Lock()
        try:
            self._put(wire.first)
            self._events.appendleft(next(self))  # "start": from now on it may be talked to
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Interaction":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        while (event := self._take()) is None:
            if self._wire.ended:
                raise StopIteration
            events, answer = self._wire.receive(self._socket.recv(BLOCK_BYTES))
            self._events += events
            self._put(answer)
        return event

    def _put(self, data: bytes) -> None:
        with self._lock:
            self._socket.sendall(data)

    def send(self, data: Bytes) -> None:
        """To the program's input. What the server keeps of it until the program reads is bounded."""
        self._put(input_words(data))

    def end_input(self) -> None:
        self._put(words(eof=True))

    def cancel(self) -> None:
        """Its result still comes."""
        self._put(words(cancel=True))

    def read_until(self, end: Bytes) -> bytes:
        """All output until it ends like that; EOFError if the run ends before."""
        until = _Until(end)
        for event in self:
            if until.add(event):
                return until.seen
        raise until.missed()

    def finish(self) -> RunResult:
        """The end of the input, and then that of the run; output that was not taken is passed over."""
        self.end_input()
        for _ in self:
            pass
        assert self.result
        return self.result

    def close(self) -> None:
        self._socket.close()


class AsyncInteraction(_Talk):
    """The same for asyncio."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: Wire):
        super().__init__(wire)
        self._reader, self._writer = reader, writer

    async def start(self) -> None:
        await self._put(self._wire.first)
        self._events.appendleft(await self.__anext__())

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while (event := self._take()) is None:
            if self._wire.ended:
                raise StopAsyncIteration
            events, answer = self._wire.receive(await self._reader.read(BLOCK_BYTES))
            self._events += events
            await self._put(answer)
        return event

    async def _put(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def send(self, data: Bytes) -> None:
        await self._put(input_words(data))

    async def end_input(self) -> None:
        await self._put(words(eof=True))

    async def cancel(self) -> None:
        await self._put(words(cancel=True))

    async def read_until(self, end: Bytes) -> bytes:
        until = _Until(end)
        async for event in self:
            if until.add(event):
                return until.seen
        raise until.missed()

    async def finish(self) -> RunResult:
        await self.end_input()
        async for _ in self:
            pass
        assert self.result
        return self.result

    def close(self) -> None:
        self._writer.close()
