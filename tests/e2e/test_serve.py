# SPDX-License-Identifier: Apache-2.0
"""appsilo serve: runs over HTTP, and what is refused."""
import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, main, write
from packaged import install_tree
from serving import ServeCase, Server, events

TOKEN = "token-of-alice-0123456789"
OTHER = "token-of-bob-0123456789"


def bearer(token):
    return {"Authorization": "Bearer " + token}


class Slow:
    """Clients that never come to an end of their head: it takes a while until they are hung up on, so it begins first."""

    def __init__(self):
        self.server = Server()
        self.sockets = [self.server.socket() for _ in range(20)]
        for raw in self.sockets:
            raw.sendall(b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nX-A: ")
            raw.settimeout(0.01)
        self.is_over = False
        self.thread = threading.Thread(target=self.go_on)
        self.thread.start()

    def go_on(self):
        start = time.monotonic()
        while self.sockets and not self.is_over and time.monotonic() - start < 60:
            for raw in list(self.sockets):
                try:
                    raw.sendall(b"a")
                    ended = raw.recv(100) == b""
                except TimeoutError:
                    ended = False
                except OSError:
                    ended = True
                if ended:
                    raw.close()
                    self.sockets.remove(raw)
            time.sleep(0.2)


def setUpModule():
    Slow.only = Slow()


def tearDownModule():
    Slow.only.is_over = True
    Slow.only.thread.join()
    Slow.only.server.stop()


class Runs(ServeCase):
    def test_every_language_starts_within_the_limits_that_are_not_given(self):
        """As a user without groups too: node reserves more address space than it may have memory."""
        offered = {row["language"] for row in self.server.json("GET", "/api/v2/runtimes")[1]}
        for language, code in (("python", "print(2)"), ("bash", "echo 2"), ("javascript", "console.log(2)"), ("c", '#include <stdio.h>\nint main(void) { puts("2"); }')):
            if language in offered:
                self.assertEqual(self.server.run(code, language=language)["stdout"], "2\n", language)

    def test_a_run_says_how_it_ended(self):
        done = self.server.run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
        self.assertEqual(set(done), {"stdout", "stderr", "exit_code", "signal", "reason", "wall_ms", "cpu_ms",
                                     "memory_bytes"})
        self.assertEqual((done["stdout"], done["stderr"], done["exit_code"], done["signal"], done["reason"]),
                         ("out\n", "err\n", 3, None, "exited"))
        self.assertGreater(done["memory_bytes"], 1 << 20)

    def test_words_input_and_environment_arrive(self):
        done = self.server.run("import os, sys; print(sys.argv[1:], sys.stdin.read(), os.environ['K'])",
                               argv=["-x", "--help", "é", "a b"], stdin="in\0put", env={"K": "v=1"})
        self.assertEqual(done["stdout"], "['-x', '--help', 'é', 'a b'] in\0put v=1\n")

    def test_bytes_come_back_as_they_were(self):
        sent = bytes(range(256)) * 3
        code = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
        done = self.server.run(code, stdin=base64.b64encode(sent).decode(), stdin_base64=True)
        self.assertTrue(done["stdout_base64"])
        self.assertEqual(base64.b64decode(done["stdout"], validate=True), sent)

    def test_files_of_a_program_are_there_and_new_ones_return(self):
        files = [{"name": "main.py", "content": "import lib.a; open('out/new.bin','wb').write(lib.a.X)"},
                 {"name": "lib/a.py", "content": "import os; os.makedirs('out'); X = b'\\xff\\x00'"},
                 {"name": "data.bin", "content": "AAEC", "content_base64": True}]
        done = self.server.run(files=files, entry="main.py", **{"return": ["files"]})
        self.assertEqual(done["exit_code"], 0, done)
        made = {f["name"]: f for f in done["files"] if not f["name"].endswith(".pyc")}
        self.assertEqual(list(made), ["out/new.bin"])
        self.assertEqual(base64.b64decode(made["out/new.bin"]["content"]), b"\xff\0")

    def test_changed_files_return(self):
        files = [{"name": "a.py", "content": "open('b.txt', 'a').write('y')"}, {"name": "b.txt", "content": "x"}]
        done = self.server.run(files=files, entry="a.py", **{"return": ["files"]})
        self.assertEqual([(f["name"], f["content"]) for f in done["files"]], [("b.txt", "xy")])

    def test_planted_links_pipes_and_endless_files_do_not_return(self):
        done = self.server.run(
            "import os\n"
            "os.symlink('/etc/passwd', 'passwd'); os.symlink('/', 'root'); os.mkfifo('pipe')\n"
            "open('ok', 'w').write('1'); f = open('huge', 'w'); f.truncate(1 << 40) if False else f.truncate(32 << 20)\n"
            "os.mkdir('locked'); open('locked/in', 'w').write('2'); os.chmod('locked', 0)\n"
            "open(b'\\xff', 'w').write('3')\n", **{"return": ["files"]})
        self.assertEqual((done["exit_code"], done["stderr"]), (0, ""))
        self.assertEqual({f["name"] for f in done["files"]}, {"ok", "locked/in"})
        self.assertTrue(done["files_cut"])

    def test_names_without_end_are_cut(self):
        done = self.server.run("for i in range(900): open(str(i), 'w').close()", **{"return": ["files"]})
        self.assertEqual(len(done["files"]), 64)
        self.assertTrue(done["files_cut"])

    def test_figures_that_are_open_at_the_end_return(self):
        # A stand-in with the two calls that are used: matplotlib is not on every system.
        pyplot = ("class Figure:\n    def __init__(self, n): self.n = n\n"
                  "    def savefig(self, path): open(path, 'wb').write(b'\\x89PNG' + bytes([self.n]))\n"
                  "def get_fignums(): return [1, 3]\ndef figure(n): return Figure(n)\n")
        files = [{"name": "main.py", "content": "import sys, os, matplotlib.pyplot\nprint(sys.argv, __name__, os.environ['MPLBACKEND'])\nsys.exit(2)"},
                 {"name": "matplotlib/__init__.py", "content": ""}, {"name": "matplotlib/pyplot.py", "content": pyplot}]
        done = self.server.run(files=files, entry="main.py", argv=["a"], **{"return": ["pictures"]})
        self.assertEqual((done["stdout"], done["exit_code"]), ("['main.py', 'a'] __main__ Agg\n", 2), done)
        self.assertEqual([(p["name"].rsplit("/", 1)[1], base64.b64decode(p["content"])) for p in sorted(done["pictures"], key=lambda p: p["name"])],
                         [("figure-1.png", b"\x89PNG\x01"), ("figure-3.png", b"\x89PNG\x03")])
        self.assertEqual(self.server.run("print(1)", **{"return": ["pictures"]})["pictures"], [])
        done = self.server.run("import sys\ndef f(): 1 / 0\nassert sys.modules['__main__'].f is f\nf()", **{"return": ["pictures"]})
        self.assertRegex(done["stderr"], r'^Traceback .*\n  File "main.py", line 4, in <module>\n(    .*\n)*  File "main.py", line 2, in f\n(    .*\n)*ZeroDivisionError: .*\n$')
        self.assertEqual(done["exit_code"], 1)
        self.assertRegex(self.server.run("def", **{"return": ["pictures"]})["stderr"], r'^  File "main.py", line 1\n    def\n *\^\nSyntaxError: .*\n$')
        self.assertEqual(self.server.run("import sys; sys.exit(7)", **{"return": ["pictures"]})["exit_code"], 7)

    def test_other_languages(self):
        done = self.server.run("echo $((6*7)) $1", language="bash", argv=["x"])
        self.assertEqual(done["stdout"], "42 x\n")
        done = self.server.run('#include <stdio.h>\nint main(int n, char **v) { puts(v[1]); return 4; }', language="c", argv=["c!"])
        self.assertEqual((done["stdout"], done["exit_code"]), ("c!\n", 4))
        done = self.server.run("int main(", language="c")
        self.assertEqual((done["stage"], done["exit_code"]), ("compile", 1))
        self.assertIn("error", done["stderr"])

    def test_limits_hold_and_are_told_apart(self):
        run = self.server.run
        self.assertEqual(run("while 1: pass", limits={"wall_ms": 300})["reason"], "timeout")
        done = run("while 1: print('x' * 1000)", limits={"output_bytes": 5000})
        self.assertEqual((done["reason"], len(done["stdout"])), ("output-limit", 5000))
        done = run("open('f', 'wb').write(b'x' * (3 << 20))", limits={"disk_bytes": 1 << 20})
        self.assertIn("No space left", done["stderr"])
        done = run("import os; os.abort()")
        self.assertEqual((done["reason"], done["signal"], done["exit_code"]), ("signaled", 6, 134))

    def test_it_streams(self):
        for body, headers in (({"stream": True}, {}), ({}, {"Accept": "text/event-stream"})):
            body |= {"code": "import sys, time\nfor i in range(3): print(i, 'é', flush=True)\nprint(9, file=sys.stderr)"}
            status, headers, data = self.server.send("POST", "/v1/run", body, headers)
            self.assertEqual((status, headers["Content-Type"]), (200, "text/event-stream"))
            got = events(data)
            self.assertEqual((got[0][0], got[-1][0]), ("start", "result"))
            self.assertEqual(got[0][1]["id"], headers["X-Run-Id"])
            self.assertEqual("".join(e["data"] for name, e in got if name == "stdout"), "0 é\n1 é\n2 é\n")
            self.assertEqual("".join(e["data"] for name, e in got if name == "stderr"), "9\n")
            self.assertEqual((got[-1][1]["reason"], got[-1][1]["exit_code"]), ("exited", 0))

    def test_a_stream_comes_while_the_run_goes_on_and_can_be_cancelled(self):
        connection = self.server.connect()
        connection.request("POST", "/v1/run", json.dumps({"code": "print('here', flush=True)\nwhile 1: pass", "stream": True}),
                           {"Content-Type": "application/json"})
        response = connection.getresponse()
        lines = []
        while not any("here" in line for line in lines):
            lines.append(response.readline().decode())
            self.assertTrue(lines[-1], lines)
        status, answer = self.server.json("DELETE", "/v1/runs/" + response.getheader("X-Run-Id"))
        self.assertEqual(status, 202)
        self.assertEqual(events(response.read())[-1][1]["reason"], "cancelled")
        connection.close()
        # The worker lets go of it a moment after the last event.
        self.wait_until(lambda: self.server.send("DELETE", "/v1/runs/" + response.getheader("X-Run-Id"))[0] == 404, "it is still there")

    def test_characters_are_not_torn_in_a_stream(self):
        code = "import os, time\nfor b in 'aé€😀'.encode() + b'\\xff': os.write(1, bytes([b])); time.sleep(0.002)"
        got = events(self.server.send("POST", "/v1/run", {"code": code, "stream": True})[2])
        whole = b"".join(base64.b64decode(e["data"]) if e.get("data_base64") else e["data"].encode()
                         for name, e in got if name == "stdout")
        self.assertEqual(whole, "aé€😀".encode() + b"\xff")

    def test_a_slow_reader_slows_only_its_own_run(self):
        raw = self.server.socket()
        body = json.dumps({"code": "while 1: print('x' * 1000)", "stream": True, "limits": {"wall_ms": 3000, "output_bytes": 1 << 20}}).encode()
        raw.sendall(b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        self.assertEqual(self.server.run("print(1)")["stdout"], "1\n")
        got = b""
        while block := raw.recv(65536):
            got += block
            if b"event: result" in got:
                break
        raw.close()
        self.assertIn(b"output-limit", got)


class Refusals(ServeCase):
    options = ("--max-body", "120K", "--output", "64K")

    def bad(self, status, code, body, **more):
        self.refused(status, code, self.server.json("POST", "/v1/run", body, **more))

    def test_wrong_json(self):
        for raw in ("", "{", "[]", "null", '{"code": "x"} x', '{"code": "\xff"}'.encode("latin1"), '{"code": "\\ud800"}',
                    '{"code": 1, "code": 2}', "[" * 5000):
            status, answer = self.server.json("POST", "/v1/run", raw=raw)
            self.assertEqual((status, answer["error"]["code"] in ("bad-json", "bad-request")), (400, True), raw)

    def test_wrong_types_and_fields(self):
        code = {"code": "1"}
        self.bad(400, "unknown-field", code | {"x\u202e\n": 1})
        self.bad(400, "unknown-field", code | {"limits": {"wall": 1}})
        self.bad(400, "unknown-field", {"files": [{"name": "a", "content": "", "mode": 1}], "entry": "a"})
        for wrong in ({}, {"code": 1}, {"code": None}, code | {"files": []}, code | {"entry": "a"}, code | {"argv": "x"},
                      code | {"argv": [1]}, code | {"argv": ["a\0b"]}, code | {"argv": ["x"] * 300}, code | {"stdin": 1},
                      code | {"stdin": "!", "stdin_base64": True}, code | {"stdin": "QQ=", "stdin_base64": True},
                      code | {"stdin": "QR==", "stdin_base64": True}, code | {"stdin_base64": 1}, code | {"env": []},
                      code | {"env": {"A": 1}}, code | {"env": {"A=B": "x"}}, code | {"env": {"": "x"}}, code | {"env": {"1": "x"}},
                      code | {"env": {"A": "x\0"}}, code | {"limits": []}, code | {"limits": {"wall_ms": 0}},
                      code | {"limits": {"wall_ms": -1}}, code | {"limits": {"wall_ms": 1.5}}, code | {"limits": {"wall_ms": "1"}},
                      code | {"network": 1}, code | {"network": "all"}, code | {"network": {"hosts": "a"}}, code | {"stream": "yes"},
                      code | {"return": ["all"]}, code | {"return": "files"}, code | {"language": 1}, code | {"package": 1},
                      {"files": {}}, {"files": []}, {"files": [1], "entry": "a"}, {"files": [{"name": "a"}], "entry": "a"},
                      {"files": [{"name": "a", "content": ""}], "entry": "b"}, {"files": [{"name": "a", "content": ""}]}):
            self.bad(400, "bad-request", wrong)

    def test_limits_above_the_servers_own(self):
        for name in ("wall_ms", "cpu_ms", "memory_bytes", "pids", "disk_bytes", "file_bytes", "output_bytes"):
            self.bad(422, "limit-too-high", {"code": "1", "limits": {name: 1 << 60}})
        self.bad(400, "bad-json", None, raw='{"code": "1", "limits": {"wall_ms": 1' + "0" * 40 + "}}")

    def test_memory_in_which_nothing_starts(self):
        for least in (1, (8 << 20) - 1):
            status, answer = self.server.json("POST", "/v1/run", {"code": "1", "limits": {"memory_bytes": least}})
            self.refused(400, "bad-request", (status, answer))
            self.assertIn(str(8 << 20), answer["error"]["message"])

    def test_what_is_not_offered(self):
        self.bad(422, "unknown-language", {"code": "1", "language": "cobol"})
        self.bad(422, "unknown-package", {"code": "1", "package": "No.Such_8wekyb3d8bbwe"})
        self.bad(422, "unknown-package", {"code": "1", "package": "--allow-read=/"})
        self.bad(422, "network-not-allowed", {"code": "1", "network": "client"})
        self.bad(422, "network-not-allowed", {"code": "1", "network": {"hosts": ["example.org"]}})

    def test_paths_in_file_names(self):
        for name in ("../a", "/etc/passwd", "a/../../b", "", ".", "..", "a//b", "a/", "./a", "a\0b", "a\nb", "x" * 300,
                     "/".join("a" * 20), ".appsilo/figures.py"):
            self.bad(400, "bad-file-name", {"files": [{"name": name, "content": ""}, {"name": "m.py", "content": ""}], "entry": "m.py"})
        for names in (("a", "a"), ("a", "a/b"), ("a/b", "a")):
            files = [{"name": name, "content": ""} for name in names]
            self.bad(400, "bad-file-name", {"files": files, "entry": names[0]})

    def test_too_large(self):
        self.bad(413, "too-large", {"code": "#" * 150000})
        self.bad(413, "too-large", {"code": "1", "argv": ["x" * 60000, "x" * 39999]})
        self.bad(413, "disk-full", {"code": "#" * 90000, "limits": {"disk_bytes": 65536}})
        connection = self.server.connect()
        connection.request("POST", "/v1/run", (b"x" * 1000 for _ in range(200)), {"Content-Type": "application/json"}, encode_chunked=True)
        response = connection.getresponse()
        self.assertEqual((response.status, json.load(response)["error"]["code"]), (413, "too-large"))
        connection.close()

    def test_a_body_without_end_is_cut_off(self):
        raw = self.server.socket()
        raw.sendall(b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        with self.assertRaises(OSError):
            for _ in range(100000):
                raw.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        raw.close()

    def test_heads_that_are_too_large(self):
        status, _, _ = self.server.send("GET", "/healthz", headers={"X": "x" * 60000})
        self.assertEqual(status, 431)
        status, _, _ = self.server.send("GET", "/" + "x" * 60000)
        self.assertIn(status, (414, 431))

    def test_wrong_paths_methods_types_and_origins(self):
        self.refused(404, "not-found", self.server.json("GET", "/nothing"))
        self.refused(404, "not-found", self.server.json("GET", "/v1/../healthz"))
        status, headers, _ = self.server.send("GET", "/v1/run")
        self.assertEqual((status, headers["Allow"]), (405, "POST"))
        self.bad(415, "unsupported-type", {"code": "1"}, headers={"Content-Type": "text/plain"})
        self.bad(403, "wrong-origin", {"code": "1"}, headers={"Origin": "https://evil.example"})
        self.bad(403, "wrong-origin", {"code": "1"}, headers={"Origin": "null"})
        self.bad(421, "wrong-host", {"code": "1"}, headers={"Host": "evil.example"})
        self.assertNotIn("Access-Control-Allow-Origin", self.server.send("GET", "/healthz")[1])

    def test_nonsense_on_the_wire(self):
        for nonsense in (b"\0" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
                         b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n", b"\x16\x03\x01\x02\x00"):
            with self.server.socket() as raw:
                raw.sendall(nonsense)
                raw.shutdown(socket.SHUT_WR)
                answer = raw.recv(65536)
            self.assertTrue(answer == b"" or answer.split()[1] in (b"400", b"413", b"505", b"404", b"415"), answer)
        self.assertEqual(self.server.json("GET", "/healthz")[0], 200)


class Waiting(ServeCase):
    options = ("--workers", "1")

    def test_what_is_cancelled_while_it_waits_never_runs(self):
        body = json.dumps({"code": "print('on', flush=True)\nwhile 1: pass", "stream": True})
        connections = self.server.connect(), self.server.connect()
        responses = []
        for connection in connections:
            self.addCleanup(connection.close)
            connection.request("POST", "/v1/run", body, {"Content-Type": "application/json"})
            responses.append(connection.getresponse())
            if len(responses) == 1:  # else both may still wait when they are cancelled
                self.assertTrue(any(b'"on' in line for line in iter(responses[0].readline, b"")))
        for response in reversed(responses):
            self.assertEqual(self.server.send("DELETE", "/v1/runs/" + response.getheader("X-Run-Id"))[0], 202)
        running, waiting = [events(response.read()) for response in responses]
        self.assertEqual((running[-1][0], running[-1][1]["reason"]), ("result", "cancelled"), running)
        self.assertEqual([name for name, _ in waiting], ["start", "error"], waiting)
        self.assertEqual(waiting[-1][1]["error"]["code"], "cancelled", waiting)

    def test_who_leaves_the_queue_costs_nothing(self):
        for _ in range(5):
            raw = self.server.socket()
            body = b'{"code": "import time; time.sleep(30)"}'
            raw.sendall(b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            raw.close()
        start = time.monotonic()
        self.assertEqual(self.server.run("print(1)")["stdout"], "1\n")
        self.assertLess(time.monotonic() - start, 30)


class Packages(Case):
    def test_a_run_of_an_installed_package(self):
        stage = PLACE + "/stage"
        self.tool("pack-command", "bash", "--stage", stage)
        family = install_tree(stage, HOME + "/.local/share/appsilo", move=True)
        server = Server()
        self.addCleanup(server.stop)
        code = "maps=$(< /proc/self/maps); [[ $maps == *appsilo-package* ]] && echo packaged; echo $1; [ -e ~/mark ] && echo seen; : > ~/mark; exit 1"
        for _ in range(2):
            done = server.run(code, package=family, language="bash", argv=["word"])
            self.assertEqual((done["stdout"], done["stderr"], done["exit_code"]), ("packaged\nword\n", "", 1), done)
        self.refused(server, "No.Such_8wekyb3d8bbwe")

    def refused(self, server, family):
        status, answer = server.json("POST", "/v1/run", {"code": "1", "package": family})
        self.assertEqual((status, answer["error"]["code"]), (422, "unknown-package"))


class Tokens(Case):
    def setUp(self):
        super().setUp()
        self.file = write(PLACE + "/tokens", f"# who\nalice {TOKEN}\nbob {OTHER} concurrent=1 queue=1\n\nslow slow-0123456789abcdef per-minute=2\n")
        os.chmod(self.file, 0o600)

    def serve(self, *options):
        server = Server("--token-file", self.file, *options)
        self.addCleanup(lambda: self.assertEqual(server.stop(), 0))
        return server

    def test_only_who_has_a_token_may_run(self):
        server = self.serve()
        run = {"code": "print(1)"}
        self.assertEqual(server.run("print(1)", headers=bearer(TOKEN))["stdout"], "1\n")
        for headers in ({}, bearer("x"), bearer(TOKEN + "x"), bearer(TOKEN[:-1]), bearer("x" * 5000), {"Authorization": "Basic " + TOKEN}, bearer("")):
            status, answer, data = server.send("POST", "/v1/run", run, headers)
            self.assertEqual((status, answer.get("WWW-Authenticate")), (401, "Bearer"))
            self.assertEqual(json.loads(data)["error"]["code"], "unauthorized")
            self.assertEqual(server.send("GET", "/metrics", headers=headers)[0], 401)
        for path in ("/healthz", "/readyz", "/openapi.json"):
            self.assertEqual(server.send("GET", path)[0], 200)

    def test_one_tenant_cannot_end_anothers_run(self):
        server = self.serve()
        connection = server.connect()
        connection.request("POST", "/v1/run", json.dumps({"code": "import time; time.sleep(60)", "stream": True}),
                           {"Content-Type": "application/json", **bearer(TOKEN)})
        response = connection.getresponse()
        self.wait_until(lambda: server.is_running(bearer(OTHER)), "it has not started")
        path = "/v1/runs/" + response.getheader("X-Run-Id")
        self.assertEqual(server.send("DELETE", path, headers=bearer(OTHER))[0], 404)
        self.assertEqual(server.send("DELETE", path, headers=bearer(TOKEN))[0], 202)
        self.assertEqual(events(response.read())[-1][1]["reason"], "cancelled")
        connection.close()

    def test_quotas_refuse_with_a_time_to_come_again(self):
        server = self.serve("--workers", "2")
        slow = bearer("slow-0123456789abcdef")
        self.assertEqual([server.send("POST", "/v1/run", {"code": "1"}, slow)[0] for _ in range(3)], [200, 200, 429])
        status, headers, _ = server.send("POST", "/v1/run", {"code": "1"}, slow)
        self.assertTrue(0 < int(headers["Retry-After"]) <= 60, headers)
        self.assertEqual(server.run("print(1)", headers=bearer(TOKEN))["stdout"], "1\n")

    def test_who_floods_waits_alone(self):
        server = self.serve("--workers", "1", "--queue", "8")
        statuses = []
        body = {"code": "import time; time.sleep(0.3)"}
        threads = [threading.Thread(target=lambda: statuses.append(server.send("POST", "/v1/run", body, bearer(TOKEN))))
                   for _ in range(20)]
        for thread in threads:
            thread.start()
        self.wait_until(lambda: server.metric("appsilo_runs_waiting", bearer(OTHER)) == 4, "the queue does not fill")
        # At most the run under way and one more of the other's come before.
        before = server.metric('appsilo_runs_total{reason="exited"}', bearer(OTHER))
        server.run("print(1)", headers=bearer(OTHER))
        self.assertLessEqual(server.metric('appsilo_runs_total{reason="exited"}', bearer(OTHER)) - before, 3)
        for thread in threads:
            thread.join()
        self.assertEqual({status for status, _, _ in statuses}, {200, 429})
        self.assertTrue(all("Retry-After" in headers for status, headers, _ in statuses if status == 429))

    def test_bad_files_are_refused(self):
        for text, word in (("", "no token"), ("alice short\n", "line 1"), (f"a {TOKEN}\nb {TOKEN}\n", "line 2"),
                           (f"a {TOKEN} speed=1\n", "line 1"), (f"a/b {TOKEN}\n", "line 1"), (f"a {TOKEN} queue=0\n", "line 1")):
            write(self.file, text)
            self.one_line(self.tool("serve", "--token-file", self.file, check=False), 1, word)
        write(self.file, f"a {TOKEN}\n")
        os.chmod(self.file, 0o644)
        self.one_line(self.tool("serve", "--token-file", self.file, check=False), 1, "chmod")
        self.one_line(self.tool("serve", "--token-file", "/no/such", check=False), 1, "/no/such")


class Service(Case):
    def start(self, *options, **more):
        server = Server(*options, **more)
        self.addCleanup(server.stop, signal.SIGKILL)
        return server

    def test_a_drain_lets_runs_finish_and_takes_no_more(self):
        server = self.start()
        connection = server.connect()
        connection.request("POST", "/v1/run", json.dumps({"code": "import time; time.sleep(1.5); print('done')"}), {"Content-Type": "application/json"})
        other = server.connect()
        other.request("GET", "/healthz")
        other.getresponse().read()
        self.wait_until(server.is_running, "it has not started")
        server.process.send_signal(signal.SIGTERM)
        self.wait_until(lambda: any('"stop"' in line for line in server.log), "no word of it")
        other.request("POST", "/v1/run", json.dumps({"code": "1"}), {"Content-Type": "application/json"})
        refused = other.getresponse()
        self.assertEqual((refused.status, json.load(refused)["error"]["code"]), (503, "draining"))
        with self.assertRaises(OSError):
            server.socket(5).sendall(b"x")
            raise ConnectionError if server.socket(5).recv(1) == b"" else AssertionError("accepted")
        response = connection.getresponse()
        self.assertEqual((response.status, json.load(response)["stdout"]), (200, "done\n"))
        self.assertEqual(server.process.wait(20), 0)

    def test_a_drain_ends_what_does_not_finish(self):
        server = self.start("--drain-time", "300ms")
        connection = server.connect()
        connection.request("POST", "/v1/run", json.dumps({"code": "import time; time.sleep(60)"}), {"Content-Type": "application/json"})
        self.wait_until(server.is_running, "it has not started")
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(json.load(connection.getresponse())["reason"], "cancelled")
        connection.close()
        self.assertEqual(server.process.wait(20), 0)

    def test_a_killed_server_leaves_nothing(self):
        server = self.start()
        connection = server.connect()
        self.addCleanup(connection.close)
        connection.request("POST", "/v1/run", json.dumps({"code": "import time; time.sleep(60)"}), {"Content-Type": "application/json"})
        self.wait_until(server.is_running, "it has not started")
        left = server.children()
        server.stop(signal.SIGKILL)
        self.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in left), "a process is left")

    def test_more_connections_than_may_be_do_not_hurt(self):
        server = self.start("--connections", "8", "--workers", "1")
        idle = [server.socket() for _ in range(40)]
        for raw in idle:
            raw.close()
        self.wait_until(lambda: self.answers_health(server), "it does not come back")

    def answers_health(self, server):
        try:
            return server.json("GET", "/healthz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def test_a_full_queue_refuses(self):
        server = self.start("--workers", "1", "--queue", "1")
        results = []
        threads = [threading.Thread(target=lambda: results.append(server.send("POST", "/v1/run", {"code": "import time; time.sleep(0.5)"})))
                   for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        statuses = sorted(status for status, _, _ in results)
        self.assertEqual((statuses[0], statuses[-1]), (200, 429))
        self.assertTrue(all(int(headers["Retry-After"]) > 0 for status, headers, _ in results if status == 429))
        self.assertEqual(server.run("print(1)")["stdout"], "1\n")

    def test_other_origins_may_ask_only_when_named(self):
        server = self.start("--cors-origin", "https://pages.example")
        origin = {"Origin": "https://pages.example"}
        status, headers, _ = server.send("OPTIONS", "/v1/run", headers=origin | {"Access-Control-Request-Method": "POST"})
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (204, "https://pages.example"))
        self.assertEqual(server.send("POST", "/v1/run", {"code": "1"}, origin)[0], 200)
        self.assertEqual(server.send("POST", "/v1/run", {"code": "1"}, {"Origin": "https://b.example"})[0], 403)

    def test_origins_that_there_are(self):
        for origin in ("http://localhost:8000", "https://[::1]:8443", "http://127.0.0.1", "moz-extension://a-b"):
            server = self.start("--cors-origin", origin)
            self.assertEqual(server.send("GET", "/v1/sessions", headers={"Origin": origin})[0], 200)

    def test_a_socket_of_the_service_manager_is_taken(self):
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            os.set_inheritable(listening.fileno(), True)
            script = (f"import os; fd = {listening.fileno()}\nif fd != 3: os.dup2(fd, 3)\nos.set_inheritable(3, True)\n"
                      f"os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); os.execv({APPSILO!r}, ['appsilo', 'serve'])")
            process = subprocess.Popen([sys.executable, "-c", script], pass_fds=[listening.fileno()], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True, cwd=HOME)
            line = process.stdout.readline()
            self.assertEqual(line, f"listening on http://127.0.0.1:{listening.getsockname()[1]}\n")
            connection = http.client.HTTPConnection("127.0.0.1", listening.getsockname()[1], timeout=20)
            connection.request("GET", "/readyz")
            self.assertEqual(connection.getresponse().status, 200)
            process.terminate()
            self.assertEqual(process.wait(20), 0)
            process.stdout.close()
            connection.close()

    def test_wrong_words(self):
        self.one_line(self.tool("serve", "--listen", "nowhere", check=False), 2, "--listen")
        self.one_line(self.tool("serve", "--listen", "0.0.0.0:0", check=False), 2, "--token-file")
        self.one_line(self.tool("serve", "--listen", "8.8.8.8:1", check=False), 2, "--token-file")
        self.one_line(self.tool("serve", "--workers", "0", check=False), 2, "--workers")
        self.one_line(self.tool("serve", "--memory", "lots", check=False), 2, "--memory")
        self.one_line(self.tool("serve", "--wrokers", "1", check=False), 2, "--workers")
        self.one_line(self.tool("serve", "word", check=False), 2, "words")
        for wrong in ("foo", "*", "https://", "://a", "https://a/", "https://a:", "https://a:x", "https://A.example", "https://a@b", "https://[::1", "1://a"):
            self.one_line(self.tool("serve", "--cors-origin", wrong, check=False), 2, "--cors-origin")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.one_line(self.tool("serve", "--listen", f"127.0.0.1:{taken.getsockname()[1]}", check=False), 1, "in use")
        self.assertIn("--token-file", self.tool("serve", "--help").stdout)


class WhoIsSlow(Case):
    """By its name the last one, so that they have had their time."""

    def test_slow_clients_are_hung_up_on(self):
        Slow.only.thread.join()
        self.assertEqual(Slow.only.sockets, [])
        self.assertEqual(Slow.only.server.run("print(1)")["stdout"], "1\n")


main()
