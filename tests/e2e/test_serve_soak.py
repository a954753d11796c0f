# SPDX-License-Identifier: Apache-2.0
"""appsilo serve for long: APPSILO_SOAK_RUNS runs in a row leave it as it was, and APPSILO_SOAK_OVERLOAD seconds of more than
it can take lose, mix and double no answer. Short, unless these say otherwise."""
import http.client
import itertools
import json
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import PLACE, Case, main, write
from serving import Server, fact

RUNS = int(os.environ.get("APPSILO_SOAK_RUNS", "100"))
OVERLOAD_S = float(os.environ.get("APPSILO_SOAK_OVERLOAD", "2"))
FLOODERS, TURNS_MAX = 32, 12
WAITING, SPARES_MAX = 4, 32  # of control groups: CGROUP_SPARES_MAX


class Client:
    """A kept connection on which every answer is compared with its question."""

    def __init__(self, case, server, token=None):
        self.connection = server.connect()
        case.addCleanup(self.connection.close)
        self.headers = {"Content-Type": "application/json", **({"Authorization": "Bearer " + token} if token else {})}

    def ask(self, number):
        """True: answered; False: refused, with a time to come again. Nothing else may happen."""
        self.connection.request("POST", "/v1/run", json.dumps({"code": f"print({number} * 2)"}), self.headers)
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        if response.status == 429:
            assert int(response.getheader("Retry-After")) > 0
            return False
        assert (response.status, answer["stdout"], answer["reason"]) == (200, f"{number * 2}\n", "exited"), (number, answer)
        return True


class Soak(Case):
    def resources(self, server):
        """What it holds when nothing runs; its memory."""
        self.wait_until(lambda: server.metric("appsilo_sandboxes_waiting") == WAITING and server.is_at_rest(), "it does not come to rest")
        pid = server.process.pid
        groups = {os.path.dirname(path) for path in server.leaves()}
        leaves = [sum(os.path.isdir(f"{path}/{name}") for name in os.listdir(path)) for path in groups if os.path.isdir(path)]
        self.assertLessEqual(max(leaves, default=0), WAITING + SPARES_MAX + 8, "those of the last runs may be there still")
        rss = int(re.search(r"VmRSS:\s+(\d+)", fact(pid, "status"))[1])
        return {"descriptors": len(os.listdir(f"/proc/{pid}/fd")), "mounts": fact(pid, "mountinfo").count("\n"),
                "processes": len(server.children()), "threads": len(os.listdir(f"/proc/{pid}/task"))}, rss

    def test_many_runs_leave_it_as_it_was(self):
        server = Server("--quiet", "--pool", f"{WAITING}-{WAITING}")
        self.addCleanup(server.stop)
        numbers, clients = itertools.count(), [Client(self, server) for _ in range(4)]

        def work(client, n):
            for _ in range(n):
                client.ask(next(numbers))

        def work_all(n):
            threads = [threading.Thread(target=work, args=(client, n // len(clients))) for client in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        work_all(40)
        before, rss = self.resources(server)
        work_all(RUNS)
        self.assertEqual(next(numbers), 40 + RUNS // 4 * 4)
        # The kernel takes its time, and a connection to ask about it is one more.
        self.wait_until(lambda: self.resources(server)[0] == before, f"it was {before} and is {self.resources(server)[0]}")
        _, rss_after = self.resources(server)
        self.assertLess(rss_after, rss + 8192, "KiB")  # heaps of its threads, which have an end

    def test_overload_loses_nothing_and_an_honest_client_keeps_its_turn(self):
        tokens = write(PLACE + "/tokens", "flood token-of-flood-0123\nhonest token-of-honest-012\n")
        os.chmod(tokens, 0o600)
        server = Server("--quiet", "--token-file", tokens, "--workers", "2", "--queue", "32")
        self.addCleanup(server.stop)
        numbers, answered, refused, errors = itertools.count(), itertools.count(), itertools.count(), []
        end = time.monotonic() + OVERLOAD_S

        def flood():
            client = Client(self, server, "token-of-flood-0123")
            try:
                while time.monotonic() < end:
                    next(answered if client.ask(next(numbers)) else refused)
            except (AssertionError, OSError, http.client.HTTPException) as e:
                errors.append(e)
        threads = [threading.Thread(target=flood) for _ in range(FLOODERS)]
        for thread in threads:
            thread.start()
        honest, waits, n = Client(self, server, "token-of-honest-012"), [], 0
        while time.monotonic() < end or n < 3:
            before = server.metric('appsilo_runs_total{reason="exited"}', honest.headers)
            self.assertTrue(honest.ask(next(numbers)))
            waits.append(server.metric('appsilo_runs_total{reason="exited"}', honest.headers) - before)
            n += 1
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        n += next(answered)
        self.assertEqual(server.metric('appsilo_runs_total{reason="exited"}', honest.headers), n)
        self.assertGreater(next(refused), 0)
        # Runs that end between its question and its answer: its own, those under way, and one turn of the other;
        # not all that wait. On a busy machine it may be slow to ask, but not each time.
        self.assertLess(min(waits), TURNS_MAX, waits)


main()
