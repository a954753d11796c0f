# SPDX-License-Identifier: Apache-2.0
"""What goes over the wire, as Python has it."""
from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

Bytes = Union[str, bytes]
Files = Mapping[str, Bytes]


class ServerError(Exception):
    """The server answered with an error: its HTTP status, a fixed word, and a sentence."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message


class Refused(ServerError):
    """The request was wrong, or the token was."""


class Overloaded(ServerError):
    """Too much at once: come again after `retry_after` seconds."""

    def __init__(self, status: int, code: str, message: str, retry_after: float):
        super().__init__(status, code, message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class File:
    name: str
    content: bytes

    def text(self) -> str:
        return self.content.decode()


@dataclass(frozen=True)
class RunResult:
    """How a run ended. `stdout` is text; `stdout_bytes` is what it really was."""

    exit_code: int
    signal: Optional[int]
    reason: str
    wall_ms: int
    cpu_ms: int
    memory_bytes: int
    stdout_bytes: bytes = b""
    stderr_bytes: bytes = b""
    files: List[File] = field(default_factory=list)
    pictures: List[File] = field(default_factory=list)
    stage: str = "run"
    error: Optional[str] = None
    state_lost: bool = False

    @property
    def stdout(self) -> str:
        return self.stdout_bytes.decode(errors="replace")

    @property
    def stderr(self) -> str:
        return self.stderr_bytes.decode(errors="replace")

    @property
    def ok(self) -> bool:
        return self.reason == "exited" and self.exit_code == 0


@dataclass(frozen=True)
class Event:
    """Of a stream: "start", "stdout", "stderr" (with data), and at last "result"."""

    name: str
    data: bytes = b""
    run_id: Optional[str] = None
    result: Optional[RunResult] = None


@dataclass(frozen=True)
class BatchCase:
    verdict: str
    result: Optional[RunResult]
    checker: bytes = b""


@dataclass(frozen=True)
class BatchResult:
    verdict: str
    accepted: int
    cases: List[BatchCase]
    compile: Optional[RunResult] = None


def put_bytes(body: Dict[str, Any], key: str, value: Bytes) -> None:
    """Text as it is, bytes as base64."""
    if isinstance(value, str):
        body[key] = value
    else:
        body[key] = base64.b64encode(value).decode()
        body[key + "_base64"] = True


def get_bytes(body: Mapping[str, Any], key: str) -> bytes:
    value = body.get(key, "")
    return base64.b64decode(value) if body.get(key + "_base64") else value.encode()


def get_files(rows: Sequence[Mapping[str, Any]]) -> List[File]:
    return [File(row["name"], get_bytes(row, "content")) for row in rows]


def run_result(body: Mapping[str, Any]) -> RunResult:
    return RunResult(body["exit_code"], body["signal"], body["reason"], body["wall_ms"], body["cpu_ms"], body["memory_bytes"],
                     get_bytes(body, "stdout"), get_bytes(body, "stderr"), get_files(body.get("files", ())),
                     get_files(body.get("pictures", ())), body.get("stage", "run"), body.get("error"), body.get("state_lost", False))


def batch_result(body: Mapping[str, Any]) -> BatchResult:
    cases = [BatchCase(case["verdict"], run_result(case) if "exit_code" in case else None, get_bytes(case, "checker"))
             for case in body["cases"]]
    compiled = run_result(body["compile"]) if "compile" in body else None
    return BatchResult(body["verdict"], body["accepted"], cases, compiled)


def run_body(code: Optional[str] = None, *, files: Optional[Files] = None, entry: Optional[str] = None,
             stdin: Optional[Bytes] = None, argv: Sequence[str] = (), env: Optional[Mapping[str, str]] = None,
             language: Optional[str] = None, package: Optional[str] = None, limits: Optional[Mapping[str, int]] = None,
             network: Union[None, str, Mapping[str, Any]] = None, returns: Sequence[str] = ()) -> Dict[str, Any]:
    """The body of a run from what the methods take."""
    body: Dict[str, Any] = {}
    if code is not None:
        body["code"] = code
    if files is not None:
        body["files"] = rows = []
        for name, content in files.items():
            row: Dict[str, Any] = {"name": name}
            put_bytes(row, "content", content)
            rows.append(row)
    if stdin is not None:
        put_bytes(body, "stdin", stdin)
    if argv:
        body["argv"] = list(argv)
    if returns:
        body["return"] = list(returns)
    for key, value in (("entry", entry), ("env", env), ("language", language), ("package", package), ("limits", limits), ("network", network)):
        if value is not None:
            body[key] = value
    return body


def batch_body(cases: Sequence[Mapping[str, Any]], checker: Optional[str], stop_on_failure: bool, program: Dict[str, Any]) -> Dict[str, Any]:
    body = dict(program)
    body["cases"] = rows = []
    for case in cases:
        row: Dict[str, Any] = {key: value for key, value in case.items() if key not in ("stdin", "expected")}
        for key in ("stdin", "expected"):
            if key in case:
                put_bytes(row, key, case[key])
        rows.append(row)
    if checker is not None:
        body["checker"] = {"code": checker}
    if stop_on_failure:
        body["stop_on_failure"] = True
    return body


def error_of(status: int, body: Any, retry_after: Optional[str]) -> ServerError:
    error = body.get("error", {}) if isinstance(body, dict) else {}
    code, message = error.get("code", "error"), error.get("message", f"HTTP status {status}")
    if status in (429, 503):
        return Overloaded(status, code, message, float(retry_after or 1))
    return (Refused if 400 <= status < 500 else ServerError)(status, code, message)


def event_of(name: str, body: Mapping[str, Any]) -> Event:
    """Raises for an error in the stream."""
    if name == "error":
        raise error_of(503, body, None)
    if name == "start":
        return Event(name, run_id=body["id"])
    if name == "result":
        return Event(name, result=run_result(body))
    return Event(name, get_bytes(body, "data"))
