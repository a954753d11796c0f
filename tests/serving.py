# SPDX-License-Identifier: Apache-2.0
"""A server of `appsilo serve` for a test, and talking to it."""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading

from common import APPSILO, Case, HOME, descendants, read


def fact(pid, name):
    """A file of its own in /proc; "" when it has gone."""
    try:
        return read(f"/proc/{pid}/{name}")
    except OSError:
        return ""


class Server:
    """Started with these options on a port of its own; ended, and looked at, by stop()."""

    def __init__(self, *options, env=None, command=()):
        words = [*command, APPSILO, "serve", "--listen", "127.0.0.1:0", *options]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        cwd=HOME, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL)
        self.has_pool = "--pool" not in options and "--token-file" not in options  # from the start
        self.log = []
        self.first = self.process.stdout.readline()
        if not self.first:
            raise AssertionError(self.process.communicate()[1])
        self.port = int(self.first.rsplit(":", 1)[1])
        self.reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def socket(self, timeout=60):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def send(self, method, path, body=None, headers=None, raw=None):
        """Status, headers and bytes of one request on a connection of its own."""
        connection = self.connect()
        data = raw if raw is not None else None if body is None else json.dumps(body)
        kind = {"Content-Type": "application/json"} if data is not None else {}
        connection.request(method, path, data, {**kind, **(headers or {})})
        response = connection.getresponse()
        result = response.status, dict(response.getheaders()), response.read()
        connection.close()
        return result

    def json(self, method, path, body=None, headers=None, raw=None):
        status, _, data = self.send(method, path, body, headers, raw)
        return status, json.loads(data)

    def run(self, code=None, headers=None, **more):
        """The answer of a run that must be one."""
        status, answer = self.json("POST", "/v1/run", {**({} if code is None else {"code": code}), **more}, headers)
        if status != 200:
            raise AssertionError((status, answer))
        return answer

    def metric(self, name, headers=None):
        text = self.send("GET", "/metrics", headers=headers)[2].decode()
        return [float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name)][0]

    def children(self):
        return descendants(self.process.pid)

    def is_running(self, headers=None):
        return self.metric("appsilo_runs_running", headers) > 0

    def is_at_rest(self, headers=None):
        """Nothing lives but what keeps its groups, its zygote (with launcher and init), and what waits (two each)."""
        alive = [pid for pid in self.children() if fact(pid, "comm") != "appsilo-cgroup\n"]
        waiting = self.metric("appsilo_sandboxes_waiting", headers)
        return len(alive) == (3 + 2 * waiting if waiting or self.has_pool else 0)

    def leaves(self):
        """The control groups of its sandboxes, one in each hierarchy."""
        parts = [line.split(":", 2) for pid in self.children() for line in fact(pid, "cgroup").splitlines()]
        return {"/sys/fs/cgroup" + ("/" + names.split(",")[0] if names else "") + path
                for _, names, path in parts if re.search("/appsilo-[0-9a-f]{16}/", path)}

    def stop(self, how=signal.SIGTERM, timeout=60):
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(timeout)
        self.reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


def events(data):
    """Server-sent events as (name, object)."""
    result = []
    for block in data.decode().split("\n\n"):
        if block.strip():
            name, text = block.strip().split("\n")
            result.append((name.removeprefix("event: "), json.loads(text.removeprefix("data: "))))
    return result


class ServeCase(Case):
    """Tests that share the server of their class: it must bear all of them in a row."""
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.options)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0, cls.server.log

    def refused(self, status, code, answer):
        self.assertEqual((answer[0], answer[1].get("error", {}).get("code")), (status, code), answer)
        self.assertEqual(set(answer[1]), {"error"})
        self.assertEqual(set(answer[1]["error"]), {"code", "message"})
