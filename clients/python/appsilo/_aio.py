# SPDX-License-Identifier: Apache-2.0
"""The client for asyncio: each request on a connection of its own, so that a cancelled task ends its run."""
from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from typing import Any, AsyncIterator, Dict, Mapping, Optional, Sequence, Tuple
from urllib.parse import quote, urlsplit

from ._interact import AsyncInteraction
from ._types import BatchResult, Event, RunResult, batch_body, batch_result, error_of, event_of, run_body, run_result
from ._ws import Wire

HEAD_BYTES = 65536


class AsyncClient:
    """`timeout` is for one request, in seconds."""

    def __init__(self, url: str = "http://127.0.0.1:8480", token: Optional[str] = None, timeout: Optional[float] = 120):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http address: {url}")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host, self._port = parts.hostname, parts.port or (443 if self._tls else 80)
        self._host_header, self._prefix, self._token, self._timeout = parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), token, timeout

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: Any) -> None:
        pass

    async def _open(self, method: str, path: str, body: Any) -> Tuple[asyncio.StreamReader, asyncio.StreamWriter, int, Dict[str, str]]:
        data = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", f"Host: {self._host_header}", "Connection: close", f"Content-Length: {len(data)}"]
        if body is not None:
            lines.append("Content-Type: application/json")
        if self._token:
            lines.append(f"Authorization: Bearer {self._token}")
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=HEAD_BYTES)
        try:
            writer.write("\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + data)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in head[1:] if line)}
            return reader, writer, int(head[0].split(" ")[1]), headers
        except BaseException:
            writer.close()
            raise

    @staticmethod
    async def _blocks(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
        if headers.get("transfer-encoding") != "chunked":
            yield await reader.readexactly(int(headers["content-length"])) if "content-length" in headers else await reader.read()
            return
        while size := int((await reader.readline()).split(b";")[0], 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)

    async def _json(self, method: str, path: str, body: Any = None) -> Dict[str, Any]:
        async def exchange() -> Dict[str, Any]:
            reader, writer, status, headers = await self._open(method, path, body)
            try:
                answer = json.loads(b"".join([block async for block in self._blocks(reader, headers)]))
            finally:
                writer.close()
            if status >= 300:
                raise error_of(status, answer, headers.get("retry-after"))
            return answer
        return await asyncio.wait_for(exchange(), self._timeout)

    async def run(self, code: Optional[str] = None, **options: Any) -> RunResult:
        """As Client.run(); cancelling the task ends the run."""
        return run_result(await self._json("POST", "/v1/run", run_body(code, **options)))

    async def stream(self, code: Optional[str] = None, **options: Any) -> AsyncIterator[Event]:
        reader, writer, status, headers = await self._open("POST", "/v1/run", dict(run_body(code, **options), stream=True))
        try:
            blocks = self._blocks(reader, headers)
            if status >= 300:
                raise error_of(status, json.loads(b"".join([block async for block in blocks])), headers.get("retry-after"))
            rest = b""
            async for block in blocks:
                *whole, rest = (rest + block).split(b"\n\n")
                for text in whole:
                    name, data = text.split(b"\n", 1)
                    yield event_of(name[len(b"event: "):].decode(), json.loads(data[len(b"data: "):]))
        finally:
            writer.close()

    @contextlib.asynccontextmanager
    async def interact(self, code: Optional[str] = None, **options: Any) -> AsyncIterator[AsyncInteraction]:
        """As Client.interact(), in an async with statement."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        talk = AsyncInteraction(reader, writer, Wire(self._host_header, self._prefix + "/v1/run/ws", headers, run_body(code, **options)))
        try:
            await talk.start()
            yield talk
        finally:
            talk.close()

    async def cancel(self, run_id: str) -> None:
        await self._json("DELETE", "/v1/runs/" + quote(run_id, safe=""))

    async def batch(self, cases: Sequence[Mapping[str, Any]], code: Optional[str] = None, *, checker: Optional[str] = None,
                    stop_on_failure: bool = False, **options: Any) -> BatchResult:
        return batch_result(await self._json("POST", "/v1/batch", batch_body(cases, checker, stop_on_failure, run_body(code, **options))))
