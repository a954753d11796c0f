# SPDX-License-Identifier: Apache-2.0
"""The client for threads: one connection for each, kept open."""
from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import quote, urlsplit

from ._interact import Interaction
from ._types import (BatchResult, Bytes, Event, RunResult, batch_body, batch_result, error_of, event_of, run_body, run_result)
from ._ws import Wire


class Client:
    """May be used by many threads. `timeout` is for one read, in seconds."""

    def __init__(self, url: str = "http://127.0.0.1:8480", token: Optional[str] = None, timeout: Optional[float] = 120):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http address: {url}")
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._address, self._prefix = (parts.hostname, parts.port), parts.path.rstrip("/")
        self._host_header = parts.netloc.rpartition("@")[2]
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = timeout
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: List[http.client.HTTPConnection] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def _connect(self) -> http.client.HTTPConnection:
        connection = self._kind(*self._address, timeout=self._timeout)
        with self._lock:
            self._open.append(connection)
        return connection

    def _start(self, connection: http.client.HTTPConnection, method: str, path: str, data: Optional[bytes], kind: str) -> http.client.HTTPResponse:
        headers = dict(self._headers, **({"Content-Type": kind} if data is not None else {}))
        connection.request(method, self._prefix + path, data, headers)
        return connection.getresponse()

    def _send(self, method: str, path: str, body: Any = None, data: Optional[bytes] = None) -> Tuple[http.client.HTTPResponse, bytes]:
        kind = "application/octet-stream"
        if body is not None:
            data, kind = json.dumps(body).encode(), "application/json"
        connection = getattr(self._local, "connection", None)
        # A connection that the server has closed meanwhile shows before an answer begins. Only what has had no
        # effect may then be sent again: a new connection for everything but reading.
        if connection is None or connection.sock is None:
            connection = self._local.connection = self._connect()
        try:
            response = self._start(connection, method, path, data, kind)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            connection.close()
            if method != "GET":
                raise
            response = self._start(connection, method, path, data, kind)
        return response, response.read()

    def _json(self, method: str, path: str, body: Any = None, data: Optional[bytes] = None) -> Dict[str, Any]:
        response, got = self._send(method, path, body, data)
        answer = json.loads(got) if "json" in response.getheader("Content-Type", "") else {}
        if response.status >= 300:
            raise error_of(response.status, answer, response.getheader("Retry-After"))
        return answer

    def _events(self, path: str, body: Dict[str, Any]) -> Iterator[Event]:
        """On a connection of its own: who stops reading ends the run by closing it."""
        connection = self._kind(*self._address, timeout=self._timeout)
        try:
            response = self._start(connection, "POST", path, json.dumps(dict(body, stream=True)).encode(), "application/json")
            if response.status >= 300:
                raise error_of(response.status, json.loads(response.read()), response.getheader("Retry-After"))
            name = ""
            for line in response:
                key, _, value = line.decode().rstrip("\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    yield event_of(name, json.loads(value))
        finally:
            connection.close()

    def _interact(self, path: str, body: Dict[str, Any]) -> Interaction:
        tls = ssl.create_default_context() if self._kind is http.client.HTTPSConnection else None
        host, port = self._address
        connection = socket.create_connection((host, port or (443 if tls else 80)), self._timeout)
        try:
            if tls:
                connection = tls.wrap_socket(connection, server_hostname=host)
            return Interaction(connection, Wire(self._host_header, self._prefix + path, self._headers, body))
        except BaseException:
            connection.close()
            raise

    def run(self, code: Optional[str] = None, **options: Any) -> RunResult:
        """Run code (or files= and entry=). Options: stdin, argv, env, language, package, limits, network, returns."""
        return run_result(self._json("POST", "/v1/run", run_body(code, **options)))

    def stream(self, code: Optional[str] = None, **options: Any) -> Iterator[Event]:
        """The same as it happens."""
        return self._events("/v1/run", run_body(code, **options))

    def interact(self, code: Optional[str] = None, **options: Any) -> Interaction:
        """The same for a program that is talked to: no stdin, which comes while it runs."""
        return self._interact("/v1/run/ws", run_body(code, **options))

    def cancel(self, run_id: str) -> None:
        self._json("DELETE", "/v1/runs/" + quote(run_id, safe=""))

    def batch(self, cases: Sequence[Mapping[str, Any]], code: Optional[str] = None, *, checker: Optional[str] = None,
              stop_on_failure: bool = False, **options: Any) -> BatchResult:
        """One program against many cases, each with stdin and expected."""
        return batch_result(self._json("POST", "/v1/batch", batch_body(cases, checker, stop_on_failure, run_body(code, **options))))

    def session(self, *, state: bool = False, **options: Any) -> "Session":
        """Open a session; state=True keeps the interpreter. A with statement deletes it."""
        answer = self._json("POST", "/v1/sessions", dict(run_body(**options), **({"state": True} if state else {})))
        return Session(self, answer["id"])

    def health(self) -> bool:
        return self._json("GET", "/healthz").get("status") == "ok"


class Session:
    """Runs that share a folder and, if it was asked for, an interpreter."""

    def __init__(self, client: Client, session_id: str):
        self._client, self.id = client, session_id
        self._path = "/v1/sessions/" + quote(session_id, safe="")

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: Any) -> None:
        self.delete()

    def run(self, code: Optional[str] = None, **options: Any) -> RunResult:
        return run_result(self._client._json("POST", self._path + "/run", run_body(code, **options)))

    def stream(self, code: Optional[str] = None, **options: Any) -> Iterator[Event]:
        return self._client._events(self._path + "/run", run_body(code, **options))

    def interact(self, code: Optional[str] = None, **options: Any) -> Interaction:
        """Not in a session with state, whose interpreter has no input."""
        return self._client._interact(self._path + "/run/ws", run_body(code, **options))

    def reset(self) -> None:
        self._client._json("POST", self._path + "/reset")

    def delete(self) -> None:
        self._client._json("DELETE", self._path)

    def files(self) -> Dict[str, int]:
        """Names and sizes."""
        return {row["name"]: row["size"] for row in self._client._json("GET", self._path + "/files")["files"]}

    def upload(self, name: str, content: Bytes) -> None:
        self._client._json("PUT", f"{self._path}/files/{quote(name)}", data=content.encode() if isinstance(content, str) else content)

    def download(self, name: str) -> bytes:
        response, got = self._client._send("GET", f"{self._path}/files/{quote(name)}")
        if response.status != 200:
            raise error_of(response.status, json.loads(got), None)
        return got

    def remove(self, name: str) -> None:
        self._client._json("DELETE", f"{self._path}/files/{quote(name)}")
