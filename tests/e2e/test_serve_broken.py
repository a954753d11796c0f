# SPDX-License-Identifier: Apache-2.0
"""appsilo serve where the host fails it: no more descriptors, control groups taken away."""
import concurrent.futures
import contextlib
import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import Case, main  # noqa: E402
from serving import Server, fact  # noqa: E402


def groups_of(server):
    """Its groups in each hierarchy, those of single sandboxes left out."""
    found = set()
    for pid in server.children():
        for line in fact(pid, "cgroup").splitlines():
            number, names, path = line.split(":", 2)
            if "/appsilo-" in path:
                found.add("/sys/fs/cgroup/" + ("" if number == "0" else names.split(",")[0]) + os.path.dirname(path))
    return found


def remove(group):
    """As an administrator, or a service manager: what runs there is killed, then all of it goes."""
    for folder, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError), open(folder + "/cgroup.procs") as file:
            for pid in file:
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    return not os.path.exists(group)


class Broken(Case):
    def start(self, *options, **more):
        server = Server("--workers", "2", *options, **more)
        self.addCleanup(server.stop, signal.SIGKILL)
        return server

    def answers_right(self, server):
        """Right ones, with limits that hold; warm or cold."""
        self.assertEqual(server.run("print(6 * 7)")["stdout"], "42\n")
        done = server.run("print(1)", **{"return": ["files"]})
        self.assertEqual((done["stdout"], done["exit_code"]), ("1\n", 0), done)
        self.assertEqual(server.run("while 1: pass", limits={"wall_ms": 300})["reason"], "timeout")
        done = server.run("x = []\nwhile 1: x.append(bytearray(1 << 20))", limits={"memory_bytes": 64 << 20})
        self.assertEqual((done["reason"] == "oom" or "MemoryError" in done["stderr"], done["exit_code"] != 0), (True, True), done)

    def test_groups_that_are_taken_away(self):
        server = self.start()
        self.wait_until(lambda: server.metric("appsilo_sandboxes_waiting") >= 2, "nothing gets ready")
        groups = groups_of(server)
        if not groups:
            self.skipTest("no control groups for this user")
        for group in groups:
            self.wait_until(lambda group=group: remove(group), f"{group} stays")
        self.answers_right(server)
        self.assertEqual(server.stop(), 0, server.log)

    def is_answering(self, server):
        try:
            self.answers_right(server)
        except AssertionError:
            return False
        return True

    def test_too_few_descriptors(self):
        """Clients hold them all: who is connected gets a right answer or a refusal, and afterwards all is as before."""
        server = self.start(command=("prlimit", "--nofile=200:200"))
        self.answers_right(server)
        connections = [server.connect() for _ in range(6)]
        for connection in connections:
            connection.connect()
        held = [server.socket() for _ in range(200)]

        def ask(connection):
            answers = []
            for i in range(4):
                connection.request("POST", "/v1/run", json.dumps({"code": f"print({i})"}), {"Content-Type": "application/json"})
                response = connection.getresponse()
                answers.append((i, response.status, json.loads(response.read())))
            connection.close()
            return answers
        with concurrent.futures.ThreadPoolExecutor(6) as threads:
            done = [row for rows in threads.map(ask, connections) for row in rows]
        for connection in held:
            connection.close()
        for i, status, answer in done:
            if status == 200 and answer["reason"] != "failed":
                self.assertEqual((answer["stdout"], answer["exit_code"]), (f"{i}\n", 0), answer)
            else:
                self.assertIn(status, (200, 429, 503), answer)
        self.wait_until(server.is_at_rest, server.children)
        # It notices one after the other that they have gone.
        self.wait_until(lambda: self.is_answering(server), "it goes on refusing")
        self.answers_right(server)
        self.assertEqual(server.stop(), 0, server.log)


main()
