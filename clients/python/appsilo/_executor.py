# SPDX-License-Identifier: Apache-2.0
"""Runs as futures, as concurrent.futures has them."""
from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Iterable, Iterator, Optional

from ._client import Client
from ._types import Overloaded, RunResult


class Executor:
    """submit(code) gives a Future of a RunResult. A server that is busy is asked again, `patience` seconds long."""

    def __init__(self, client: Client, max_workers: int = 4, patience: float = 60):
        self._client, self._patience = client, patience
        self._pool = ThreadPoolExecutor(max_workers)

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *_: Any) -> None:
        self.shutdown()

    def _run(self, code: Optional[str], options: Any) -> RunResult:
        end = time.monotonic() + self._patience
        while True:
            try:
                return self._client.run(code, **options)
            except Overloaded as error:
                if time.monotonic() + error.retry_after > end:
                    raise
                time.sleep(error.retry_after)

    def submit(self, code: Optional[str] = None, **options: Any) -> "Future[RunResult]":
        return self._pool.submit(self._run, code, options)

    def map(self, codes: Iterable[str], **options: Any) -> Iterator[RunResult]:
        """Results in the order of the codes."""
        futures = [self.submit(code, **options) for code in codes]
        return (future.result() for future in futures)

    def shutdown(self, wait: bool = True, cancel_futures: bool = False) -> None:
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)
