# SPDX-License-Identifier: Apache-2.0
"""Run untrusted code on a server of `appsilo serve`. Needs nothing but the standard library.

    from appsilo import Client
    with Client("http://127.0.0.1:8480") as client:
        print(client.run("print(6 * 7)").stdout)
"""
from ._aio import AsyncClient
from ._client import Client, Session
from ._executor import Executor
from ._interact import AsyncInteraction, Interaction
from ._types import BatchCase, BatchResult, Event, File, Overloaded, Refused, RunResult, ServerError

__all__ = ["AsyncClient", "AsyncInteraction", "BatchCase", "BatchResult", "Client", "Event", "Executor", "File",
           "Interaction", "Overloaded", "Refused", "RunResult", "ServerError", "Session"]
