# SPDX-License-Identifier: Apache-2.0
"""A run over a websocket (RFC 6455) as bytes in and out; who reads and writes them is the clients' affair."""
from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ._types import Bytes, Event, error_of, event_of, put_bytes

ACCEPT_OF = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
NORMAL, TRY_LATER, INTERNAL = 1000, 1013, 1011


def frame(opcode: int, payload: bytes) -> bytes:
    """Whole, and masked, as a client's must be."""
    mask, n = os.urandom(4), len(payload)
    length = struct.pack(">B", 0x80 | n) if n < 126 else struct.pack(">BH", 0xfe, n) if n < 65536 else struct.pack(">BQ", 0xff, n)
    masked = int.from_bytes(payload, "little") ^ int.from_bytes((mask * (n // 4 + 1))[:n], "little")
    return bytes([0x80 | opcode]) + length + mask + masked.to_bytes(n, "little")


def words(**message: Any) -> bytes:
    return frame(TEXT, json.dumps(message).encode())


def input_words(data: Bytes) -> bytes:
    message: Dict[str, Any] = {}
    put_bytes(message, "stdin", data)
    return words(**message)


class Wire:
    """One connection: what receive() is given may be cut anywhere."""

    def __init__(self, host: str, path: str, headers: Dict[str, str], body: Dict[str, Any]):
        self._key = base64.b64encode(os.urandom(16))
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                 f"Sec-WebSocket-Key: {self._key.decode()}", *(f"{name}: {value}" for name, value in headers.items())]
        self.first = "\r\n".join(lines).encode("ascii") + b"\r\n\r\n"
        self._request = words(**body)
        self._got, self._open = b"", False
        self._error: Dict[str, Any] = {}
        self.ended, self.failure = False, None  # type: bool, Optional[Exception]

    def receive(self, data: bytes) -> Tuple[List[Event], bytes]:
        """What has come, and what has to be sent. After the last, `ended`, with the `failure` if there was one."""
        if not data:
            raise ConnectionError("the server closed the connection before the run had ended")
        self._got += data
        answer = b""
        if not self._open:
            if not self._handshake():
                return [], b""
            self._open, answer = True, self._request
        events = []
        for opcode, payload in self._frames():
            if opcode == PING:
                answer += frame(PONG, payload)
            elif opcode == CLOSE:
                answer += frame(CLOSE, payload[:2])
                self._close(payload)
                break
            elif opcode == TEXT:
                events += self._event(json.loads(payload))
        return events, answer

    def _handshake(self) -> bool:
        head, end, rest = self._got.partition(b"\r\n\r\n")
        if not end:
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ")[1])
        if status != 101:
            if len(rest) < int(headers.get("content-length", 0)):
                return False
            raise error_of(status, json.loads(rest) if "json" in headers.get("content-type", "") else {}, headers.get("retry-after"))
        if headers.get("sec-websocket-accept") != base64.b64encode(hashlib.sha1(self._key + ACCEPT_OF).digest()).decode():
            raise ConnectionError("the answer is no websocket's")
        self._got = rest
        return True

    def _frames(self) -> Iterator[Tuple[int, bytes]]:
        """The server's are whole and bare."""
        while len(self._got) >= 2:
            first, n = self._got[:2]
            start = {126: 4, 127: 10}.get(n, 2)
            if len(self._got) < start:
                return
            if start > 2:
                n = int.from_bytes(self._got[2:start], "big")
            if len(self._got) < start + n:
                return
            payload, self._got = self._got[start:start + n], self._got[start + n:]
            yield first & 0xf, payload

    def _event(self, message: Dict[str, Any]) -> List[Event]:
        if message["event"] == "error":
            self._error = message  # what kind of error the closing says
            return []
        return [event_of(message["event"], message)]

    def _close(self, payload: bytes) -> None:
        self.ended = True
        code = int.from_bytes(payload[:2], "big") if payload else NORMAL
        if code != NORMAL or self._error:
            error = self._error or {"error": {"code": f"closed-{code}", "message": payload[2:].decode(errors="replace")}}
            self.failure = error_of({TRY_LATER: 503, INTERNAL: 500}.get(code, 400), error, None)
