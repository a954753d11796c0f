# SPDX-License-Identifier: Apache-2.0
"""appsilo serve: runs over a websocket, whose input comes while they run."""
import base64
import hashlib
import json
import os
import signal
import struct
import sys
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import PLACE, Case, main, write
from serving import ServeCase, Server

TOKEN = "a-token/of+sixteen-or-more=="
OFFERED = "bearer." + urllib.parse.quote(TOKEN, safe="")
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
LINES = "name = input('name? ')\nprint('hello', name, flush=True)\nprint(input(), flush=True)\nimport sys\nprint(repr(sys.stdin.read()))"


class Refused(Exception):
    """The handshake's answer, when it is another than 101."""


class Socket:
    """A client of RFC 6455, as small as it gets."""

    def __init__(self, server, **headers):
        self.key = base64.b64encode(os.urandom(16)).decode()
        self.socket = server.socket(30)
        self.file = self.socket.makefile("rb")
        given = {"Host": f"127.0.0.1:{server.port}", "Connection": "keep-alive, Upgrade", "Upgrade": "websocket",
                 "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": self.key,
                 **{name.replace("_", "-"): value for name, value in headers.items()}}
        lines = [f"{name}: {value}" for name, value in given.items() if value is not None]
        self.socket.sendall("\r\n".join(["GET /v1/run/ws HTTP/1.1", *lines, "", ""]).encode())
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        for line in iter(self.file.readline, b"\r\n"):
            name, value = line.decode().split(":", 1)
            self.headers[name.lower()] = value.strip()
        if self.status != 101:
            body = self.file.read(int(self.headers["content-length"]))
            self.close()
            raise Refused(self.status, json.loads(body)["error"]["code"])

    def close(self):
        self.file.close()
        self.socket.close()

    def frame(self, first, payload, masked=True):
        n = len(payload)
        mask = os.urandom(4) if masked else b""
        length = struct.pack(">B", n) if n < 126 else struct.pack(">BH", 126, n) if n < 65536 else struct.pack(">BQ", 127, n)
        head = bytes([first, length[0] | (0x80 if masked else 0)]) + length[1:] + mask
        self.socket.sendall(head + (bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)) if masked else payload))

    def send(self, **message):
        self.frame(0x80 | TEXT, json.dumps(message).encode())

    def receive(self):
        """(opcode, payload) of the next frame; the server's are whole and bare."""
        first, length = self.file.read(2)
        if length == 126:
            length, = struct.unpack(">H", self.file.read(2))
        elif length == 127:
            length, = struct.unpack(">Q", self.file.read(8))
        assert first & 0xf0 == 0x80, first
        return first & 0xf, self.file.read(length)

    def event(self):
        """The next message, or the code of the end."""
        opcode, payload = self.receive()
        if opcode == CLOSE:
            return struct.unpack(">H", payload[:2])[0]
        assert opcode == TEXT, opcode
        return json.loads(payload)

    def until(self, text):
        """Read output until it ends like that."""
        seen = ""
        while not seen.endswith(text):
            event = self.event()
            assert event["event"] in ("stdout", "stderr"), event
            seen += event["data"]
        return seen

    def rest(self):
        """All messages to the end, its code, and then nothing."""
        events = []
        while not isinstance(event := self.event(), int):
            events.append(event)
        assert self.file.read(1) == b""
        self.close()
        return events, event


class WebSocket(ServeCase):
    options = ("--workers", "2", "--queue", "2", "--wall-time", "20s", "--max-body", "200K")

    def open(self, server=None, **headers):
        socket = Socket(server or self.server, **headers)
        self.addCleanup(socket.close)
        return socket

    def run_code(self, code, **more):
        """A socket on which this runs."""
        socket = self.open()
        socket.send(code=code, **more)
        start = socket.event()
        self.assertEqual((start["event"], len(start["id"])), ("start", 32), start)
        return socket

    def broken(self, socket, code):
        self.assertEqual(socket.rest()[1], code)

    def at_rest(self):
        self.wait_until(lambda: not self.server.is_running(), "the run goes on")
        self.wait_until(self.server.is_at_rest, self.server.children)

    def test_the_handshake(self):
        socket = self.open()
        wanted = base64.b64encode(hashlib.sha1((socket.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        self.assertEqual(socket.headers["sec-websocket-accept"], wanted.decode())
        self.assertEqual((socket.headers["upgrade"], socket.headers["connection"].lower()), ("websocket", "upgrade"))
        self.assertNotIn("sec-websocket-extensions", socket.headers)
        for headers, status, code in (({"Upgrade": None}, 426, "upgrade-required"), ({"Connection": "close"}, 426, "upgrade-required"),
                                      ({"Sec_WebSocket_Version": "8"}, 426, "upgrade-required"),
                                      ({"Sec_WebSocket_Key": None}, 400, "bad-request"), ({"Sec_WebSocket_Key": "c2hvcnQ="}, 400, "bad-request"),
                                      ({"Origin": "http://elsewhere.example"}, 403, "wrong-origin"), ({"Origin": "null"}, 403, "wrong-origin")):
            with self.assertRaises(Refused) as refused:
                Socket(self.server, **headers)
            self.assertEqual(refused.exception.args, (status, code), headers)
        self.open(Origin=f"http://127.0.0.1:{self.server.port}")

    def test_lines_are_answered_as_they_come(self):
        for more in ({}, {"return": ["files"]}):  # warm, and cold
            socket = self.run_code(LINES, **more)
            self.assertEqual(socket.until("? "), "name? ")
            socket.send(stdin="Ada\n")
            self.assertEqual(socket.until("\n"), "hello Ada\n")
            socket.send(stdin=base64.b64encode("é\n".encode()).decode(), stdin_base64=True)
            self.assertEqual(socket.until("\n"), "é\n")
            socket.send(stdin="the ")
            socket.send(stdin="rest", eof=True)
            self.assertEqual(socket.until("\n"), "'the rest'\n")
            (result,), code = socket.rest()
            self.assertEqual((result["event"], result["reason"], result["exit_code"], code), ("result", "exited", 0, 1000))
            self.assertNotIn("stdout", result)

    def test_input_may_come_before_the_program(self):
        socket = self.open()
        socket.send(code="print(len(input()))")
        socket.send(stdin="x" * 100000)
        socket.send(stdin="\n", eof=True)
        events, code = socket.rest()
        self.assertEqual(([e["event"] for e in events], events[1]["data"], code), (["start", "stdout", "result"], "100000\n", 1000))

    def test_output_is_binary_safe_and_long(self):
        socket = self.run_code("import os, sys; os.write(2, b'\\xff\\0'); sys.stdout.write('é' * 150000)")
        events, code = socket.rest()
        self.assertEqual(code, 1000)
        error, = [e for e in events if e["event"] == "stderr"]
        self.assertEqual((base64.b64decode(error["data"]), error["data_base64"]), (b"\xff\0", True))
        self.assertEqual("".join(e["data"] for e in events if e["event"] == "stdout"), "é" * 150000)

    def test_a_program_that_closes_its_input_goes_on(self):
        # It ends by a time of its own: what is sent meanwhile (more than any buffer holds) is nobody's.
        socket = self.run_code("import os, time\nos.close(0)\nprint('closed', flush=True)\ntime.sleep(2)\nprint('end')")
        socket.until("closed\n")
        for _ in range(10):
            socket.send(stdin="x" * 100000)
        events, code = socket.rest()
        self.assertEqual(([e.get("data") for e in events], events[-1]["reason"], code), (["end\n", None], "exited", 1000))

    def test_cancel(self):
        socket = self.run_code("import time; print('on', flush=True); time.sleep(100)")
        socket.until("on\n")
        socket.send(cancel=True)
        events, code = socket.rest()
        self.assertEqual((events[-1]["reason"], code), ("cancelled", 1000))
        self.at_rest()

    def test_a_client_that_breaks_off_ends_its_run(self):
        for politely in (True, False):
            socket = self.run_code("import time; print('on', flush=True); time.sleep(100)")
            socket.until("on\n")
            if politely:
                socket.frame(0x80 | CLOSE, struct.pack(">H", 1001))
                self.broken(socket, 1001)
            socket.close()
            self.at_rest()

    def test_a_silent_client_holds_no_worker_beyond_the_wall_time(self):
        socket = self.run_code("input()", limits={"wall_ms": 500})
        events, code = socket.rest()
        self.assertEqual((events[-1]["reason"], code), ("timeout", 1000))
        # Without a request there is no run, and so no worker.
        waiting = [self.open() for _ in range(3)]
        self.assertEqual(self.server.run("print(1)")["stdout"], "1\n")
        self.assertEqual(len(waiting), 3)

    def test_two_at_once_do_not_mix(self):
        sockets = [self.run_code(LINES) for _ in range(2)]
        for i, socket in enumerate(sockets):
            socket.until("? ")
            socket.send(stdin=f"number {i}\n")
        for i, socket in enumerate(sockets):
            self.assertEqual(socket.until("\n"), f"hello number {i}\n")
            socket.send(stdin="x\n", eof=True)
            self.assertEqual(socket.rest()[1], 1000)

    def test_ping_is_answered_amid_a_fragmented_message(self):
        socket = self.open()
        text = json.dumps({"code": "print(6 * 7)"}).encode()
        socket.frame(TEXT, text[:5])
        socket.frame(0x80 | PING, b"still there?")
        self.assertEqual(socket.receive(), (PONG, b"still there?"))
        socket.frame(0x80, text[5:])
        events, code = socket.rest()
        self.assertEqual((events[1]["data"], code), ("42\n", 1000))

    def test_frames_that_no_client_may_send(self):
        for first, payload, masked, code in ((0x80 | TEXT, b"{}", False, 1002), (0xc0 | TEXT, b"{}", True, 1002), (0x80 | BINARY, b"{}", True, 1003),
                                             (0x80, b"{}", True, 1002), (0x80 | PING, b"x" * 126, True, 1002),
                                             (0x80 | TEXT, b"\xff", True, 1007), (0x80 | TEXT, b"x" * 300000, True, 1009)):
            socket = self.open()
            try:
                socket.frame(first, payload, masked)
            except OSError:
                pass  # refused before its end
            self.broken(socket, code)
        socket = self.run_code("input()")
        socket.frame(0x80 | TEXT, b"{}", masked=False)
        self.broken(socket, 1002)
        self.at_rest()

    def test_requests_that_are_refused(self):
        for message, code in (({}, "bad-request"), ({"code": "1", "stdin": "x"}, "bad-request"), ({"code": "1", "speed": 1}, "unknown-field"),
                              ({"code": "1", "language": "cobol"}, "unknown-language")):
            socket = self.open()
            socket.send(**message)
            (error,), end = socket.rest()
            self.assertEqual((error["event"], error["error"]["code"], end), ("error", code, 1008), message)
        for message in ({"stdin": 1}, {"stdin": "*", "stdin_base64": True}, {"more": 1}, {"eof": "yes"}):
            socket = self.run_code("input()")
            socket.send(**message)
            events, end = socket.rest()
            self.assertEqual((events[-1]["event"], end), ("error", 1008), message)
        socket = self.run_code("import time; time.sleep(100)")
        socket.send(eof=True)
        socket.send(stdin="late")
        self.broken(socket, 1008)
        self.at_rest()

    def test_input_that_is_not_read_is_bounded(self):
        socket = self.run_code("import time; time.sleep(100)")
        for _ in range(4):
            socket.send(stdin="x" * 100000)
        events, code = socket.rest()
        self.assertEqual((events[-1]["error"]["code"], code), ("too-large", 1008))
        self.at_rest()

    def test_a_full_queue_refuses(self):
        busy = [self.run_code("input()") for _ in range(2)]
        waiting = []
        for _ in range(2):
            waiting.append(self.open())
            waiting[-1].send(code="print(1)")
        self.wait_until(lambda: self.server.metric("appsilo_runs_waiting") == 2, "they wait")
        late = self.open()
        late.send(code="print(1)")
        events, code = late.rest()
        self.assertEqual(([e["error"]["code"] for e in events], code), (["queue-full"], 1013))
        # Nor are there ever more threads than for twice as many as may run and wait.
        with self.assertRaises(Refused) as refused:
            for _ in range(8):
                self.open()
        self.assertEqual(refused.exception.args, (429, "queue-full"))
        for socket in busy:
            socket.send(cancel=True)
        for socket in waiting:
            events, code = socket.rest()
            self.assertEqual((events[1]["data"], code), ("1\n", 1000))


    def test_an_older_http_is_not_upgraded(self):
        with self.server.socket() as socket:
            socket.sendall(b"GET /v1/run/ws HTTP/1.0\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
            self.assertNotIn(b" 101 ", socket.recv(1000))


class Leftovers(Case):
    def test_many_leave_nothing(self):
        server = Server("--workers", "2", "--pool", "0")  # whose sandboxes come and go
        self.addCleanup(server.stop)

        def held():
            return [len(os.listdir(f"/proc/{server.process.pid}/{what}")) for what in ("fd", "task")]

        def at_rest():
            self.wait_until(lambda: server.metric("appsilo_connections") == 1, "a connection stays")
            self.wait_until(lambda: not server.is_running() and server.is_at_rest(), "a run stays")

        at_rest()
        before = held()
        for i in range(40):
            socket = Socket(server)
            if i % 2:
                socket.send(code="print(input())")
            if i % 4 == 1:
                socket.event()
            socket.close()
            if i % 8 == 7:
                at_rest()
        self.wait_until(lambda: all(now <= then for now, then in zip(held(), before)), before)


class Slow(Case):
    def test_a_client_that_does_not_read_stops_its_own_run_only(self):
        server = Server("--workers", "1", "--wall-time", "4s", "--output", "64M")
        self.addCleanup(server.stop)
        socket = Socket(server)
        self.addCleanup(socket.close)
        socket.send(code="print('x' * 60000000)")
        self.assertEqual(socket.event()["event"], "start")
        self.assertEqual(server.run("print(1)")["stdout"], "1\n")  # on the one worker there is
        events, code = socket.rest()
        self.assertEqual((events[-1]["reason"], code), ("timeout", 1000))


class Tokens(Case):
    def test_a_token_is_needed_and_a_page_can_send_it(self):
        path = os.path.join(PLACE, "tokens")
        write(path, f"someone {TOKEN}\n")
        os.chmod(path, 0o600)
        server = Server("--workers", "1", "--token-file", path)
        self.addCleanup(server.stop)
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Sec_WebSocket_Protocol": "appsilo, bearer.wrong"}, {"Sec_WebSocket_Protocol": "appsilo"},
                        {"Authorization": "Bearer wrong", "Sec_WebSocket_Protocol": OFFERED}):
            with self.assertRaises(Refused) as refused:
                Socket(server, **headers)
            self.assertEqual(refused.exception.args, (401, "unauthorized"), headers)
        for headers, chosen in (({"Authorization": "Bearer " + TOKEN}, None), ({"Sec_WebSocket_Protocol": "appsilo, " + OFFERED}, "appsilo")):
            socket = Socket(server, **headers)
            self.addCleanup(socket.close)
            self.assertEqual(socket.headers.get("sec-websocket-protocol"), chosen)
            socket.send(code="print(input())")
            socket.send(stdin="mine\n")
            self.assertEqual([e.get("data") for e in socket.rest()[0]], [None, "mine\n", None])
        # A token in the address or the protocol is for this path only.
        self.assertEqual(server.json("GET", "/metrics", headers={"Sec-WebSocket-Protocol": OFFERED})[0], 401)


class Drain(Case):
    def test_the_server_ends_with_all_of_them(self):
        server = Server("--workers", "2", "--drain-time", "1s")
        self.addCleanup(server.stop)
        idle, busy = Socket(server), Socket(server)
        self.addCleanup(idle.close)
        self.addCleanup(busy.close)
        busy.send(code="input()")
        busy.event()
        server.process.send_signal(signal.SIGTERM)
        events, code = busy.rest()
        self.assertEqual((events[-1]["reason"], code), ("cancelled", 1000))
        self.assertEqual(idle.file.read(1), b"")
        self.assertEqual(server.stop(), 0)


main()
