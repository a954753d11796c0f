# SPDX-License-Identifier: Apache-2.0
"""`appsilo mcp`: the protocol, the tools, questions to the person, HTTP, and the official client."""
import fcntl
import http.client
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, Case, HOME, PLACE, descendants, main, read, write  # noqa: E402
from mcp_client import Client, VERSIONS, decide  # noqa: E402
from packaged import install_tree  # noqa: E402

SECRET = HOME + "/data/test.txt"
SDK = PLACE + "/node/mcp_sdk.mjs"
ENDLESS = "import time\nwhile True: time.sleep(1)"


class McpCase(Case):
    def client(self, *options, **more):
        client = Client(*options, **more)
        self.addCleanup(lambda: client.process.poll() is None and client.kill())
        return client

    def ended_cleanly(self, client):
        self.assertEqual(client.stop(), 0)
        self.assertEqual(client.errors, "")
        self.assertEqual(descendants(client.process.pid), [])


class Protocol(McpCase):
    def test_both_revisions_are_spoken_and_an_unknown_one_gets_the_newest(self):
        for asked, spoken in [*zip(VERSIONS, VERSIONS), ("2099-01-01", VERSIONS[0])]:
            client = self.client("--prompt", "never", version=asked)
            self.assertEqual(client.hello["protocolVersion"], spoken)
            self.assertEqual(client.call("ping")["result"], {})
            self.ended_cleanly(client)

    def test_what_is_malformed_gets_its_error_and_the_server_goes_on(self):
        client = self.client("--prompt", "never", begin=False)
        lines = [
            (b"{", -32700, None), (b"\xff\xfe", -32700, None), (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32700, None),
            (b"[]", -32600, None), (b"7", -32700, None), (b'{"id":3,"method":"ping"}', -32600, 3),
            (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600, None), (b'{"jsonrpc":"2.0","id":4}', -32600, 4),
            (b'{"jsonrpc":"2.0","id":4.5,"method":"ping"}', -32600, None),
            (b'{"jsonrpc":"2.0","id":5,"method":"tools/list"}', -32600, 5),
            (b'{"jsonrpc":"2.0","id":6,"method":"initialize","params":{}}', -32602, 6),
            (b'{"jsonrpc":"2.0","id":7,"method":"initialize","params":[]}', -32602, 7),
            (b"[" * 100000, -32700, None),
        ]
        for line, code, number in lines:
            client.write(line + b"\n")
            answer = client.next()
            self.assertEqual((answer["error"]["code"], answer["id"]), (code, number), line[:80])
        hello = client.call("initialize", protocolVersion=VERSIONS[0], capabilities={}, clientInfo={"name": "t", "version": "1"})
        self.assertEqual(hello["result"]["serverInfo"]["name"], "appsilo")
        for method, params, code in [("no/such", {}, -32601), ("tools/call", {}, -32602), ("tools/call", {"name": "rm"}, -32602),
                                     ("tools/call", {"name": "run_python", "arguments": []}, -32602),
                                     ("tools/list", {"cursor": "x"}, -32602), ("logging/setLevel", {"level": "loud"}, -32602),
                                     ("initialize", {"protocolVersion": VERSIONS[0], "capabilities": {}}, -32600)]:
            self.assertEqual(client.call(method, **params)["error"]["code"], code, method)
        # Answers that nobody asked for, and notifications that nobody knows, are not answered.
        client.send({"jsonrpc": "2.0", "id": "question-1", "result": {"action": "accept"}})
        client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}})
        client.send({"jsonrpc": "2.0", "method": "notifications/nonsense"})
        self.assertEqual(client.call("ping")["result"], {})
        self.ended_cleanly(client)

    def test_a_message_without_end_is_refused_and_the_next_is_taken(self):
        client = self.client("--prompt", "never")
        for _ in range(17):
            client.write(b"x" * (1 << 20))
        client.write(b"\n")
        self.assertEqual(client.next()["error"]["code"], -32600)
        self.assertEqual(client.call("ping")["result"], {})
        self.ended_cleanly(client)

    def test_wrong_arguments_are_told_to_the_model(self):
        client = self.client("--prompt", "never")
        wrong = [("run_python", {}, "code"), ("run_python", {"code": 1}, "code"), ("run_python", {"code": "", "sudo": True}, "sudo"),
                 ("run_python", {"code": "", "files": [{"name": "x"}]}, "content"), ("run_python", {"code": "", "timeout_ms": 0}, "timeout_ms"),
                 ("run_command", {}, "command"), ("run_command", {"command": "id", "argv": ["id"]}, "command"),
                 ("run_command", {"argv": [1]}, "argv"), ("read_file", {"path": "/etc/hostname", "length": 1 << 30}, "length"),
                 ("write_file", {"path": "/tmp/x", "content": "", "encoding": "utf-7"}, "encoding"), ("list_grants", {"x": 1}, "x")]
        for tool, arguments, word in wrong:
            result = client.tool(tool, **arguments)
            self.assertTrue(result["isError"], (tool, arguments))
            self.assertIn(word, result["content"][0]["text"])
        self.ended_cleanly(client)

    def test_tools_say_what_they_do(self):
        client = self.client("--prompt", "never")
        tools = {tool["name"]: tool for tool in client.call("tools/list")["result"]["tools"]}
        self.assertEqual(set(tools), {"run_python", "run_command", "read_file", "write_file", "list_grants"})
        for name, tool in tools.items():
            self.assertEqual(tool["annotations"]["readOnlyHint"], name in ("read_file", "list_grants"))
            self.assertFalse(tool["inputSchema"]["additionalProperties"])
        self.ended_cleanly(client)

    def test_wrong_options_are_one_line(self):
        for words, hint in [(["--prompt", "tty"], "terminal"), (["--prompt", "foo"], "--prompt foo: use client, exec:COMMAND, agent:SOCKET or never"), (["--http", "x"], "--http"), (["--memory", "much"], "--memory"), (["x"], "--help"),
                            (["--token-file", "f"], "--http"), (["--allow-host", "??"], "--allow-host"), (["--listen", "1"], "--listen")]:
            self.one_line(self.tool("mcp", *words, check=False), 2, hint)
        self.one_line(self.tool("mcp", "-p", "No.Such_8wekyb3d8bbwe", check=False), 1, "No.Such")
        self.assertIn("--http", self.tool("mcp", "--help").stdout)


class Tools(McpCase):
    def test_python_with_files_arguments_and_input(self):
        client = self.client("--prompt", "never")
        result = client.tool("run_python", code="import sys, helper\nprint(sys.argv[1:], input(), helper.NAME)\nsys.exit(3)", stdin="in\n",
                             argv=["-x", "ä"], files=[{"name": "helper.py", "content": "NAME = 'h'"},
                                                      {"name": "a/b.bin", "content": "AAE=", "encoding": "base64"}])
        found = result["structuredContent"]
        self.assertEqual((found["stdout"], found["exit_code"], found["reason"]), ("['-x', 'ä'] in h\n", 3, "exited"))
        self.assertTrue(result["isError"])
        self.assertIn("[exit code 3]", result["content"][0]["text"])
        self.assertIn("ValueError", client.said("run_python", code="", files=[{"name": "../x", "content": ""}]))
        self.assertEqual(client.tool("run_python", code="import os; os.write(1, b'\\xff\\0')")["structuredContent"]["stdout"], "/wA=")
        self.ended_cleanly(client)

    def test_commands_share_a_home_with_python(self):
        client = self.client("--prompt", "never")
        client.said("run_python", code="open('kept', 'w').write('yes')")
        self.assertEqual(client.said("run_command", command="cat kept; echo; test -w ~ && pwd | grep -c profiles"), "yes\n1\n")
        self.assertEqual(client.tool("run_command", argv=["no-such-program"])["structuredContent"]["exit_code"], 127)
        self.assertEqual(client.said("run_command", argv=["cat"], stdin="x" * 300000, cwd="/usr"), "x" * 300000 + "\n")
        self.ended_cleanly(client)

    def test_a_packages_identity_and_files(self):
        self.tool("pack-command", "bash", "--stage", PLACE + "/stage")
        family = install_tree(PLACE + "/stage", HOME + "/.local/share/appsilo", move=True)
        client = self.client("-p", family)
        self.assertEqual(client.tool("list_grants")["structuredContent"]["package"], family)
        self.assertEqual(client.said("run_command", argv=["bash", "-c", "[[ $(< /proc/self/maps) == *appsilo-package* ]] && echo $HOME"]),
                         f"{HOME}/.local/share/appsilo/profiles/{family}\n")
        self.ended_cleanly(client)

    def test_files_in_granted_places_and_no_others(self):
        client = self.client("--prompt", "never", "--cwd", HOME + "/work", "--allow-write", HOME + "/work")
        self.assertIn("5 bytes", client.said("write_file", path="a.txt", content="héé"))
        client.said("write_file", path="a.txt", content="IQ==", encoding="base64", append=True)
        self.assertEqual(read(HOME + "/work/a.txt"), "héé!")
        part = client.tool("read_file", path="a.txt", offset=1, length=2)["structuredContent"]
        self.assertEqual((part["content"], part["more"]), ("é", True))
        write(HOME + "/work/b.bin", b"\xff\x00", "wb")
        binary = client.tool("read_file", path=HOME + "/work/b.bin")
        self.assertEqual(binary["structuredContent"]["content"], "/wA=")
        self.assertEqual(binary["content"][0]["resource"]["blob"], "/wA=")
        for tool, more in [("read_file", {}), ("write_file", {"content": "x"})]:
            result = client.tool(tool, path=SECRET, **more)
            self.assertTrue(result["isError"])
            self.assertIn("PermissionError", result["content"][0]["text"])
            self.assertIn("appsilo grant -p ", result["content"][0]["text"])
        self.assertEqual(read(SECRET), "hello\n")
        self.ended_cleanly(client)

    def test_limits_hold_and_are_told_apart(self):
        client = self.client("--prompt", "never", "--output", "10K", "--wall-time", "20s")
        for reason, code, more in [("timeout", "while True: pass", {"timeout_ms": 300}), ("output-limit", "while True: print('x' * 1000)", {})]:
            found = client.tool("run_python", code=code, **more)["structuredContent"]
            self.assertEqual(found["reason"], reason)
            self.assertLess(found["wall_ms"], 15000)
        self.ended_cleanly(client)

    def test_progress_and_cancelling(self):
        client = self.client("--prompt", "never")
        number = client.begin("tools/call", name="run_python", arguments={"code": ENDLESS}, _meta={"progressToken": "t"})
        steps = []
        while len(steps) < 2:
            message = client.next()
            self.assertEqual((message["method"], message["params"]["progressToken"]), ("notifications/progress", "t"))
            steps.append(message["params"]["progress"])
        self.assertLess(steps[0], steps[1])
        # A second request with the id of one that goes on is no request.
        client.send({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "list_grants"}})
        self.assertEqual(client.next()["error"]["code"], -32600)
        client.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}})
        self.wait_until(lambda: not descendants(client.process.pid), "the run goes on")
        self.assertEqual(client.call("ping")["result"], {})
        self.assertNotIn(number, client.waiting)
        self.ended_cleanly(client)

    def test_a_client_that_takes_no_answers_does_not_keep_it(self):
        server = subprocess.Popen([APPSILO, "mcp", "--prompt", "never"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  cwd=HOME)
        hello = {"protocolVersion": VERSIONS[0], "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        for number, (method, params) in enumerate([("initialize", hello), ("tools/call", {"name": "run_python", "arguments": {
                "code": "print('x' * 300000)"}})]):
            server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n")
            server.stdin.flush()
        # The pipe is full: a call is about to answer, and nobody reads.
        self.wait_until(lambda: struct.unpack("i", fcntl.ioctl(server.stdout, termios.FIONREAD, b"0000"))[0] > 60000, "no answer")
        server.stdin.close()
        self.assertEqual(server.wait(30), 1)
        self.assertIn(b"takes no answers", server.stderr.read())
        server.stdout.close()
        server.stderr.close()

    def test_many_calls_at_once_each_get_their_own_answer(self):
        client = self.client("--prompt", "never")
        numbers = {client.begin("tools/call", name="run_command", arguments={"argv": ["echo", str(i)]}): i for i in range(16)}
        for number, i in numbers.items():
            self.assertEqual(client.wait(number)["result"]["content"][0]["text"], f"{i}\n")
        self.ended_cleanly(client)

    def test_the_end_of_the_client_ends_its_runs(self):
        for end in ("stdin", signal.SIGTERM, signal.SIGKILL):
            client = self.client()
            client.begin("tools/call", name="run_python", arguments={"code": ENDLESS})
            self.wait_until(lambda c=client: len(descendants(c.process.pid)) > 2, "no run")
            below = descendants(client.process.pid)
            code = client.stop(None if end == "stdin" else end)
            self.assertEqual(code, -9 if end == signal.SIGKILL else 0)
            self.wait_until(lambda pids=below: not any(os.path.exists(f"/proc/{pid}") for pid in pids), "a run is left")
        # What a killed server has left is removed by the next.
        runtime = PLACE + "/run"
        os.makedirs(runtime + "/appsilo-mcp-other", mode=0o700)
        write(runtime + "/appsilo-mcp-other/file", "not a socket")
        client = self.client(env={"XDG_RUNTIME_DIR": runtime})
        client.begin("tools/call", name="run_python", arguments={"code": ENDLESS})
        self.wait_until(lambda: len(descendants(client.process.pid)) > 2, "no run")
        client.kill()
        held = self.client(env={"XDG_RUNTIME_DIR": runtime})
        self.ended_cleanly(self.client(env={"XDG_RUNTIME_DIR": runtime}))
        self.assertEqual(len(os.listdir(runtime)), 2)
        self.assertEqual(held.said("read_file", path="/etc/hostname"), "appsilo\n")
        self.ended_cleanly(held)
        self.assertEqual(os.listdir(runtime), ["appsilo-mcp-other"])


class Consent(McpCase):
    """The person is behind the client."""

    def test_yes_once_is_asked_again_and_always_is_not(self):
        answers = [decide(decision="allow"), decide(decision="allow", scope="always")]
        client = self.client(answer=lambda question: answers.pop(0))
        for _ in range(3):
            self.assertEqual(client.said("read_file", path=SECRET), "hello\n")
        self.assertEqual(len(client.asked), 2)
        self.assertIn(f"wants to read\n{SECRET}", client.asked[0]["message"])
        schema = client.asked[0]["requestedSchema"]
        self.assertEqual(schema["required"], ["decision"])
        self.assertTrue(all(part["type"] == "string" for part in schema["properties"].values()))
        grants = client.tool("list_grants")["structuredContent"]
        self.assertEqual([(one["path"], one["access"], one["decision"]) for one in grants["decisions"]], [(SECRET, "read", "allow")])
        self.assertTrue(grants["questions"])
        self.ended_cleanly(client)

    def test_a_whole_folder_where_it_is_offered(self):
        write(HOME + "/data/more/a.txt", "a")
        write(HOME + "/data/more/b.txt", "b")
        client = self.client(answer=lambda question: decide(decision="allow", scope="always", target="folder"))
        code = f"print(open('{HOME}/data/more/a.txt').read(), open('{HOME}/data/more/b.txt').read())"
        self.assertEqual(client.said("run_python", code=code), "a b\n")
        self.assertEqual(len(client.asked), 1)
        # Not of the home as a whole: what was not offered is no answer.
        write(HOME + "/top.txt", "t")
        self.assertIn("PermissionError", client.said("read_file", path=HOME + "/top.txt"))
        self.assertNotIn("target", client.asked[1]["requestedSchema"]["properties"])
        self.ended_cleanly(client)

    def test_what_is_no_clear_yes_is_a_no_that_is_not_remembered(self):
        answers = [{"action": "decline"}, {"action": "cancel"}, {"action": "accept"}, {}, {"action": "accept", "content": {"decision": "yes"}},
                   {"action": "accept", "content": {"decision": "allow", "scope": "for ever"}}, {"action": "accept", "content": []},
                   {"action": "allow", "content": {"decision": "allow"}}, {"action": "accept", "content": {"decision": ["allow"]}}]
        client = self.client(answer=lambda question: answers.pop(0))
        for left in range(len(answers), 0, -1):
            result = client.tool("read_file", path=SECRET)
            self.assertIn("PermissionError", result["content"][0]["text"])
            self.assertIn(f"denied: read {SECRET}; the user can allow it with: appsilo grant -p ", result["content"][0]["text"])
            self.assertEqual(len(answers), left - 1)
        self.assertEqual(json.loads(self.tool("consents", "--json").stdout), [])
        self.assertTrue(any(note["method"] == "notifications/message" for note in client.notes))
        self.ended_cleanly(client)

    def test_no_for_always_is_remembered(self):
        client = self.client(answer=lambda question: decide(decision="deny", scope="always"))
        for _ in range(2):
            self.assertIn("PermissionError", client.said("write_file", path=SECRET, content="x"))
        self.assertEqual(len(client.asked), 1)
        self.assertEqual(read(SECRET), "hello\n")
        self.ended_cleanly(client)

    def test_a_client_that_cannot_ask_is_told_how_to_grant(self):
        client = self.client()
        result = client.tool("run_python", code=f"open({SECRET!r})")
        denied = result["structuredContent"]["denied"]
        self.assertEqual((denied[0]["path"], denied[0]["access"]), (SECRET, "read"))
        self.assertIn(denied[0]["grant"], result["content"][0]["text"])
        # The line is one that works.
        subprocess.run([APPSILO, *denied[0]["grant"].split()[1:]], check=True, capture_output=True)
        self.assertEqual(client.said("read_file", path=SECRET), "hello\n")
        self.ended_cleanly(client)

    def test_names_are_shown_escaped_and_a_name_that_is_no_text_is_denied(self):
        answers = []
        client = self.client(answer=lambda question: answers.append(question["message"]) or decide(decision="allow"))
        name = HOME + "/data/\x1b[2Kevil\u202egpj.txt\nallow: yes"
        write(name, "x")
        write(os.fsencode(HOME) + b"/data/\xff", "y")
        self.assertEqual(client.said("run_python", code=f"print(open({name!r}).read())"), "x\n")
        self.assertIn(r"/data/\x1b[2Kevil\xe2\x80\xaegpj.txt\x0aallow: yes", answers[0])
        said = client.said("run_python", code=f"open({os.fsencode(HOME)!r} + b'/data/\\xff')")
        self.assertIn("PermissionError", said)
        self.assertEqual(len(answers), 1)
        self.ended_cleanly(client)

    def test_a_host_is_asked_about(self):
        client = self.client(answer=lambda question: {"action": "decline"})
        result = client.tool("run_python", code="import socket; socket.create_connection(('1.1.1.1', 80), 5)", timeout_ms=20000)
        self.assertTrue(result["isError"])
        self.assertTrue(any("1.1.1.1" in one.get("host", "") for one in result["structuredContent"]["denied"]), result)
        self.assertIn("wants to reach the host\n1.1.1.1 port 80", client.asked[0]["message"])
        self.ended_cleanly(client)

    def test_a_run_that_ends_takes_its_question_back(self):
        client = self.client(answer=lambda question: None)
        result = client.tool("run_python", code=f"open({SECRET!r})", timeout_ms=1500)
        self.assertEqual(result["structuredContent"]["reason"], "timeout")
        self.assertEqual([note["params"]["requestId"] for note in client.notes if note["method"] == "notifications/cancelled"], ["question-1"])
        # Late is no answer, also not to the next question.
        client.send({"jsonrpc": "2.0", "id": "question-1", "result": decide(decision="allow", scope="always")})
        client.answer = lambda question: {"action": "decline"}
        self.assertIn("PermissionError", client.said("read_file", path=SECRET))
        self.ended_cleanly(client)


class Http(McpCase):
    TOKENS = {"alice": "alice-token-0123456789", "bob": "bob-token-0123456789ab"}

    def setUp(self):
        super().setUp()
        tokens = write(PLACE + "/tokens", "".join(f"{name} {token}\n" for name, token in self.TOKENS.items()))
        os.chmod(tokens, 0o600)
        self.start("--token-file", tokens)

    def start(self, *options):
        self.server = subprocess.Popen([APPSILO, "mcp", "--http", "0", "--quiet", *options], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True, cwd=HOME)
        first = self.server.stdout.readline()
        self.assertTrue(first.endswith("/mcp\n"), first)
        self.port = int(first.rsplit(":", 1)[1].split("/")[0])
        self.addCleanup(self.stop)

    def stop(self):
        self.server.terminate()
        self.assertEqual(self.server.wait(30), 0)
        self.server.stdout.close()

    def open(self, message, method="POST", session=None, token="alice", body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.addCleanup(connection.close)
        self.connection = connection
        standard = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                    "Authorization": f"Bearer {self.TOKENS.get(token, token)}", "MCP-Protocol-Version": VERSIONS[0]}
        if session:
            standard["Mcp-Session-Id"] = session
        standard |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if body is not None else None if message is None else json.dumps(message)
        connection.request(method, "/mcp", data, {name: value for name, value in standard.items() if value})
        return connection.getresponse()

    def post(self, message, **more):
        response = self.open(message, **more)
        text = response.read()
        return response.status, json.loads(text) if text else None

    def hello(self, elicits=False, **more):
        response = self.open({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": VERSIONS[0], "capabilities": {"elicitation": {"form": {}}} if elicits else {},
            "clientInfo": {"name": "t", "version": "1"}}}, **more)
        self.assertEqual(response.status, 200)
        self.assertEqual(json.loads(response.read())["result"]["protocolVersion"], VERSIONS[0])
        return response.headers["Mcp-Session-Id"]

    @staticmethod
    def events(response):
        for line in response:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])

    def call(self, session, name, number=1, meta=None, **arguments):
        return self.open({"jsonrpc": "2.0", "id": number, "method": "tools/call",
                          "params": {"name": name, "arguments": arguments, **({"_meta": meta} if meta else {})}}, session=session)

    def test_who_may_not_ask_is_told_why(self):
        session = self.hello()
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        self.assertEqual(self.post(ping, session=session), (200, {"jsonrpc": "2.0", "id": 1, "result": {}}))
        for status, more in [(401, {"token": "wrong-token-0123456789"}), (403, {"Origin": "http://evil.example"}),
                             (406, {"Accept": "application/json"}), (400, {"MCP_Protocol_Version": "2020-01-01"}),
                             (415, {"Content_Type": "text/plain"}), (404, {"session": "0" * 32}), (404, {"token": "bob"})]:
            self.assertEqual(self.post(ping, **{"session": session, **more})[0], status, more)
        self.assertEqual(self.post(ping)[0], 400)
        self.assertEqual(self.post(None, body="{", session=session)[1]["error"]["code"], -32700)
        self.assertEqual(self.open(None, method="GET", session=session).status, 405)
        self.assertEqual(self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, session=session), (202, None))
        self.assertEqual(self.open(None, method="DELETE", session=session).status, 202)
        self.assertEqual(self.post(ping, session=session)[0], 404)

    def test_a_name_that_leads_here_is_no_host_of_ours(self):
        self.stop()
        self.start()
        with self.assertRaises(AssertionError):
            self.hello(token="", Host="rebound.example")
        self.assertEqual(self.post({}, token="", Host="rebound.example")[0], 421)
        self.hello(token="")
        self.one_line(self.tool("mcp", "--http", "0.0.0.0:0", check=False), 2, "--token-file")

    def test_a_question_comes_with_the_events_and_its_answer_in_another_request(self):
        session = self.hello(elicits=True)
        response = self.call(session, "read_file", path=SECRET)
        self.assertEqual(response.headers["Content-Type"], "text/event-stream")
        events = self.events(response)
        question = next(events)
        self.assertEqual(question["method"], "elicitation/create")
        answer = {"jsonrpc": "2.0", "id": question["id"], "result": decide(decision="allow")}
        # Another session's word counts for nothing.
        self.assertEqual(self.post(answer, session=self.hello(token="bob"), token="bob"), (202, None))
        self.assertEqual(self.post({**answer, "result": {"action": "decline"}}, session=self.hello()), (202, None))
        self.assertEqual(self.post(answer, session=session), (202, None))
        self.assertEqual(next(events)["result"]["structuredContent"]["content"], "hello\n")

    def test_progress_cancelling_and_going_away(self):
        session = self.hello()
        response = self.call(session, "run_python", 7, {"progressToken": 5}, code=ENDLESS)
        events = self.events(response)
        self.assertEqual(next(events)["params"]["progressToken"], 5)
        self.post({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}, session=session)
        self.assertEqual([event for event in events if "result" in event], [])
        self.wait_until(lambda: not descendants(self.server.pid), "the run goes on")
        for number, end in enumerate(("connection", "session"), 8):
            response = self.call(session, "run_python", number, {"progressToken": 6}, code=ENDLESS)
            connection = self.connection
            next(self.events(response))
            if end == "connection":
                connection.close()
                response.close()
            else:
                self.open(None, method="DELETE", session=session)
            self.wait_until(lambda: not descendants(self.server.pid), f"the run outlives its {end}")

    def test_a_flood_of_sessions_is_refused_and_clients_at_once_are_served(self):
        session = self.hello()
        for _ in range(63):
            self.hello()
        status, answer = self.post({"jsonrpc": "2.0", "id": 0, "method": "initialize",
                                    "params": {"protocolVersion": VERSIONS[0], "capabilities": {}}})
        self.assertEqual((status, answer["error"]["code"]), (503, "too-many-sessions"))
        said = {}

        def one(i):
            said[i] = [event["result"]["content"][0]["text"] for event in self.events(self.call(session, "run_command", i, argv=["echo", str(i)]))]
        threads = [threading.Thread(target=one, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(said, {i: [f"{i}\n"] for i in range(8)})


@unittest.skipUnless(os.path.exists(SDK) and shutil.which("node"), "no npm modules: tools/setup.sh installs them where npm is")
class OfficialClient(McpCase):
    """@modelcontextprotocol/sdk, which checks every message against its own schemas."""

    def run_client(self, *words):
        done = subprocess.run(["node", SDK, *words], capture_output=True, text=True, timeout=120, cwd=HOME, check=False,
                              env={**os.environ, "MCP_TEST_FILE": SECRET})
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def judge(self, seen):
        self.assertEqual(seen["latest"], VERSIONS[0])
        self.assertEqual(seen["server"]["name"], "appsilo")
        self.assertEqual(len(seen["tools"]), 5)
        self.assertEqual(seen["python"]["structuredContent"]["stdout"], "abab\n")
        self.assertEqual(seen["read"]["content"][0]["text"], "hello\n")
        self.assertTrue(seen["wrong"]["isError"])
        self.assertEqual(seen["grants"]["structuredContent"]["decisions"], [])
        self.assertEqual([step["progress"] for step in seen["steps"]][:2], [1, 2])
        self.assertIn("enough", seen["cancelled"])
        self.assertEqual(seen["after"]["content"][0]["text"], "still here\n")
        self.assertEqual(seen["unknown"], -32601)
        self.assertEqual(len(seen["asked"]), 1)

    def test_over_stdio(self):
        seen = self.run_client("--", APPSILO, "mcp")
        self.judge(seen)

    def test_over_http(self):
        server = subprocess.Popen([APPSILO, "mcp", "--http", "0", "--quiet"], stdout=subprocess.PIPE, text=True, cwd=HOME)
        self.addCleanup(server.stdout.close)
        seen = self.run_client(server.stdout.readline().split()[-1])
        server.terminate()
        self.assertEqual(server.wait(30), 0)
        self.judge(seen)
        self.assertTrue(seen["session"])


if __name__ == "__main__":
    main()
