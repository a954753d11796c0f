# SPDX-License-Identifier: Apache-2.0
"""A client of `appsilo mcp` for tests, which says exactly what it is told to."""
import json
import os
import queue
import signal
import subprocess
import threading

from common import APPSILO, HOME

VERSIONS = "2025-11-25", "2025-06-18"


class Client:
    """Over stdin and stdout. Answers to questions come from @answer(params), None: it cannot ask."""

    def __init__(self, *options, answer=None, version=VERSIONS[0], env=None, begin=True):
        self.process = subprocess.Popen([APPSILO, "mcp", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, cwd=HOME, env={**os.environ, **(env or {})})
        self.messages = queue.Queue()
        self.notes, self.asked, self.number, self.waiting = [], [], 0, {}
        self.answer = answer
        threading.Thread(target=self.read, daemon=True).start()
        if begin:
            capabilities = {"elicitation": {}} if answer else {}
            self.hello = self.call("initialize", protocolVersion=version, capabilities=capabilities,
                                   clientInfo={"name": "test", "version": "1"})["result"]
            self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def read(self):
        for line in self.process.stdout:
            self.messages.put(json.loads(line))
        self.messages.put(None)

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, message):
        self.write(json.dumps(message).encode() + b"\n")

    def next(self, timeout=60):
        return self.messages.get(timeout=timeout)

    def begin(self, method, **params):
        self.number += 1
        self.send({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params})
        return self.number

    def take(self, message):
        if message is None:
            raise AssertionError("the server has ended: " + self.process.stderr.read().decode())
        if message.get("method") == "elicitation/create":
            self.asked.append(message["params"])
            result = self.answer(message["params"])
            if result is not None:
                self.send({"jsonrpc": "2.0", "id": message["id"], "result": result})
        elif "method" in message:
            self.notes.append(message)
        else:
            self.waiting[message["id"]] = message

    def wait(self, number, timeout=60):
        while number not in self.waiting:
            self.take(self.next(timeout))
        return self.waiting.pop(number)

    def call(self, method, timeout=60, **params):
        return self.wait(self.begin(method, **params), timeout)

    def tool(self, tool, timeout=60, **arguments):
        message = self.call("tools/call", timeout, name=tool, arguments=arguments)
        return message["result"]

    def said(self, tool, **arguments):
        """The text that a model reads."""
        return "".join(part.get("text", "") for part in self.tool(tool, **arguments)["content"])

    def stop(self, how=None):
        if how:
            self.process.send_signal(how)
        self.process.stdin.close()
        code = self.process.wait(30)
        self.process.stdout.close()
        self.errors = self.process.stderr.read().decode()
        self.process.stderr.close()
        return code

    def kill(self):
        self.stop(signal.SIGKILL)


def decide(**content):
    return {"action": "accept", "content": content}
