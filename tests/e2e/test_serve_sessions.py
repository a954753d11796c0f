# SPDX-License-Identifier: Apache-2.0
"""appsilo serve: sessions, with kept files and a kept interpreter."""
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import PLACE, Case, main, write
from serving import ServeCase, Server, events, fact


class Sessions(ServeCase):
    options = ("--workers", "2", "--sessions", "4", "--wall-time", "20s")

    def open(self, **body):
        status, answer = self.server.json("POST", "/v1/sessions", body)
        self.assertEqual(status, 201, answer)
        self.addCleanup(self.server.send, "DELETE", "/v1/sessions/" + answer["id"])
        return "/v1/sessions/" + answer["id"]

    def run_in(self, session, code, **more):
        status, answer = self.server.json("POST", session + "/run", {"code": code, **more})
        self.assertEqual(status, 200, answer)
        return answer

    def test_files_are_kept_and_state_is_not(self):
        session = self.open()
        self.run_in(session, "x = 1; open('kept', 'w').write('here')")
        self.assertEqual(self.run_in(session, "print(open('kept').read(), 'x' in globals())")["stdout"], "here False\n")

    def test_state_is_kept(self):
        session = self.open(state=True)
        self.assertEqual(self.run_in(session, "import math\nx = 20\ndef f(): return x + 1")["stdout"], "")
        done = self.run_in(session, "x = 40\nprint(__name__)\nf() + 1")
        self.assertEqual((done["stdout"], done["exit_code"], done["reason"], done["state_lost"]), ("__main__\n42\n", 0, "exited", False))

    def test_errors_input_words_and_children_of_a_kept_interpreter(self):
        session = self.open(state=True)
        done = self.run_in(session, "y = 1\n1 / 0")
        self.assertEqual(done["exit_code"], 1)
        self.assertIn('File "main.py", line 2', done["stderr"])
        self.assertNotIn("driver", done["stderr"])
        self.assertRegex(self.run_in(session, "def")["stderr"], r'^  File "main.py", line 1\n    def\n *\^\nSyntaxError: .*\n$')
        self.assertRegex(self.run_in(session, "'\0'")["stderr"], r"^(SyntaxError|ValueError): .*null bytes.*\n$")
        self.assertEqual(self.run_in(session, "import sys; sys.exit(5)")["exit_code"], 5)
        self.assertEqual(self.run_in(session, "print(input(), sys.stdin.read(), sys.argv[1:], y)", stdin="a\nb", argv=["w"])["stdout"], "a b ['w'] 1\n")
        self.assertEqual(self.run_in(session, "import os, subprocess; os.write(1, b'\\xff\\x00'); subprocess.run('echo child; cat', shell=True, check=True)", stdin="given")["exit_code"], 0)

    def test_a_mark_that_the_program_writes_is_output(self):
        session = self.open(state=True)
        self.assertEqual(self.run_in(session, "import os; os.write(1, b'\\0' + b'0' * 32 + b' 7\\n'); os.write(1, b'\\0')\nz = 1")["exit_code"], 0)
        self.assertEqual(self.run_in(session, "z")["stdout"], "1\n")

    def test_a_run_that_does_not_end_loses_the_state_and_nothing_else(self):
        session = self.open(state=True)
        self.run_in(session, "x = 1; open('kept', 'w').close()")
        done = self.run_in(session, "while 1: pass", limits={"wall_ms": 300})
        self.assertEqual((done["reason"], done["exit_code"], done["state_lost"]), ("timeout", 124, True))
        done = self.run_in(session, "import os; print('x' in globals(), os.path.exists('kept'))")
        self.assertEqual(done["stdout"], "False True\n")
        self.assertEqual(self.run_in(session, "import os; os._exit(3)")["exit_code"], 3)
        self.assertEqual(self.run_in(session, "import os; os.abort()")["signal"], 6)
        self.assertEqual(self.run_in(session, "print('x' * 9999999)")["reason"], "output-limit")
        self.assertEqual(self.run_in(session, "1")["stdout"], "1\n")

    def test_figures_of_a_kept_interpreter_are_of_one_run(self):
        session = self.open(state=True)
        busy = "import time\nend = time.process_time() + .4\nwhile time.process_time() < end: pass"
        self.assertGreaterEqual(self.run_in(session, busy)["cpu_ms"], 400)
        self.assertGreaterEqual(self.run_in(session, f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])")["cpu_ms"], 380)
        self.assertLess(self.run_in(session, "1")["cpu_ms"], 300)
        self.assertGreaterEqual(self.run_in(session, "x = b'x' * (80 << 20); del x")["memory_bytes"], 80 << 20)
        done = self.run_in(session, "1")
        self.assertTrue(1 << 20 < done["memory_bytes"] < 80 << 20, done)
        self.assertGreaterEqual(self.run_in(session, busy + "\nimport os; os._exit(3)")["cpu_ms"], 400)

    def test_processor_time_of_each_run_is_limited(self):
        session = self.open(state=True, limits={"cpu_ms": 800})
        half = "import time\nend = time.process_time() + .5\nwhile time.process_time() < end: pass"
        for _ in range(3):
            done = self.run_in(session, half)
            self.assertEqual((done["reason"], done["state_lost"]), ("exited", False), done)
        for code in ("while 1: pass", "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while 1: pass'])"):
            done = self.run_in(session, code, limits={"cpu_ms": 400})
            self.assertEqual((done["reason"], done["exit_code"], done["signal"], done["state_lost"]), ("timeout", 124, None, True), done)
            self.assertGreaterEqual(done["cpu_ms"], 400)
            self.assertLess(done["cpu_ms"], 800)

    def test_what_holds_for_the_interpreter_is_no_runs_limit(self):
        session = self.open(state=True, limits={"memory_bytes": 128 << 20, "pids": 20})
        for name in ("memory_bytes", "pids", "disk_bytes", "file_bytes"):
            answer = self.server.json("POST", session + "/run", {"code": "1", "limits": {name: 9 << 20 if name == "memory_bytes" else 1}})
            self.refused(400, "bad-request", answer)
            self.assertIn(f"limits.{name}: ", answer[1]["error"]["message"])
        done = self.run_in(session, "import os\nif os.fork() == 0: os._exit(0)\nos.wait()[1]", limits={"memory_bytes": 128 << 20, "pids": 20})
        self.assertEqual((done["stdout"], done["state_lost"]), ("0\n", False))
        self.assertNotEqual(self.run_in(session, "len(b'x' * (200 << 20))")["exit_code"], 0)

    def test_state_is_lost_whenever_it_is_gone(self):
        session = self.open(state=True)
        done = self.run_in(session, "while 1: pass", limits={"wall_ms": 300})
        self.assertEqual((done["reason"], done["state_lost"]), ("timeout", True), "of what this run had made itself")
        self.run_in(session, "import os, threading; threading.Timer(.1, lambda: os._exit(1)).start()")
        self.wait_until(lambda: not any("driver.py" in fact(pid, "cmdline") for pid in self.server.children()), "it does not end")
        done = self.run_in(session, "'os' in globals()")
        self.assertEqual((done["stdout"], done["reason"], done["state_lost"]), ("False\n", "exited", True), "it ended between two runs")
        self.assertFalse(self.run_in(session, "1")["state_lost"])

    def test_it_streams(self):
        session = self.open(state=True)
        got = events(self.server.send("POST", session + "/run", {"code": "print('é', flush=True)", "stream": True})[2])
        self.assertEqual([(name, e.get("data")) for name, e in got[1:-1]], [("stdout", "é\n")])
        self.assertEqual(got[-1][1]["exit_code"], 0)

    def test_reset(self):
        session = self.open(state=True)
        self.run_in(session, "x = 1; open('kept', 'w').close()")
        self.assertEqual(self.server.json("POST", session + "/reset")[0], 200)
        self.assertEqual(self.run_in(session, "import os; print('x' in globals(), os.path.exists('kept'))")["stdout"], "False False\n")

    def test_files_go_up_and_down(self):
        session = self.open()
        data = bytes(range(256))
        self.assertEqual(self.server.json("PUT", session + "/files/in/a.bin", raw=data)[0], 200)
        code = "d = open('in/a.bin', 'rb').read(); open('out', 'wb').write(d[::-1])"
        self.run_in(session, code)
        status, headers, got = self.server.send("GET", session + "/files/out")
        self.assertEqual((status, headers["Content-Type"], got), (200, "application/octet-stream", data[::-1]))
        files = self.server.json("GET", session + "/files")[1]["files"]
        self.assertEqual({f["name"]: f["size"] for f in files}, {"main.py": len(code), "in/a.bin": 256, "out": 256})
        self.assertEqual(self.server.json("DELETE", session + "/files/out")[0], 200)
        self.refused(404, "not-found", self.server.json("GET", session + "/files/out"))

    def test_a_full_folder_is_no_word_of_ours(self):
        session = self.open(limits={"disk_bytes": 256 << 10})
        fill = "import os, sys\nfd = os.open('big', os.O_CREAT | os.O_WRONLY)\ntry:\n    while True: os.write(fd, b'x' * 4096)\nexcept OSError: sys.exit(1)"
        done = self.run_in(session, fill)
        self.assertEqual((done["exit_code"], done["stderr"]), (1, ""), done)
        done = self.run_in(session, "import sys; open('/tmp/x', 'w').close(); sys.exit('mine')")
        self.assertEqual((done["exit_code"], done["stderr"]), (1, "mine\n"), done)

    def test_names_that_are_no_text(self):
        session = self.open()
        for method in ("PUT", "GET", "DELETE"):
            self.refused(400, "bad-file-name", self.server.json(method, session + "/files/q%ff", raw=b"x" if method == "PUT" else None))
        self.assertEqual(self.server.json("GET", session + "/files")[1], {"files": [], "cut": False})
        done = self.run_in(session, "open(b'q\\xff', 'w').close(); open('t', 'w').close()", **{"return": ["files"]})
        self.assertEqual(([f["name"] for f in done["files"]], done["files_cut"]), (["t"], True))
        files = self.server.json("GET", session + "/files")[1]
        self.assertEqual((sorted(f["name"] for f in files["files"]), files["cut"]), (["main.py", "t"], True))

    def test_a_nul_in_a_path_cuts_no_name(self):
        session = self.open()
        for name in ("q%00b", "%00", "q%2f%00"):
            self.refused(400, "bad-file-name", self.server.json("PUT", f"{session}/files/{name}", raw="x"))
        self.assertEqual(self.server.json("GET", session + "/files")[1]["files"], [])
        for path in ("/healthz%00foo", "/healthz%00", session + "%00/files"):
            self.refused(404, "not-found", self.server.json("GET", path))

    def test_a_file_is_replaced_when_the_new_one_is_whole(self):
        session = self.open(limits={"disk_bytes": 256 << 10})
        self.assertEqual(self.server.json("PUT", session + "/files/f", raw="old")[0], 200)
        self.refused(413, "disk-full", self.server.json("PUT", session + "/files/f", raw="x" * 500000))
        self.assertEqual(self.server.send("GET", session + "/files/f")[2], b"old")
        answer = self.server.json("POST", session + "/run", {"files": [{"name": "f", "content": "y" * 500000}, {"name": "m.py", "content": ""}], "entry": "m.py"})
        self.refused(413, "disk-full", answer)
        self.assertEqual(self.server.send("GET", session + "/files/f")[2], b"old")
        self.assertEqual(self.server.json("PUT", session + "/files/f", raw="new")[0], 200)
        self.assertEqual(self.run_in(session, "print(open('f').read()); open('f', 'a').write('er')")["stdout"], "new\n")
        self.assertEqual(self.server.send("GET", session + "/files/f")[2], b"newer")

    def test_planted_files_lead_nowhere(self):
        session = self.open()
        self.run_in(session, "import os; os.symlink('/etc/passwd', 'link'); os.symlink('/etc', 'folder'); os.mkfifo('pipe'); os.mkdir('dir')")
        for name in ("link", "folder/passwd", "pipe", "dir"):
            status, _, data = self.server.send("GET", f"{session}/files/{name}")
            self.assertEqual((status, b"not-found" in data), (404, True), name)
        for name in ("folder/new", "dir"):
            self.refused(400, "bad-file-name", self.server.json("PUT", f"{session}/files/{name}", raw="x"))
        self.assertEqual(self.server.json("PUT", session + "/files/link", raw="mine")[0], 200)
        self.assertEqual(self.server.send("GET", session + "/files/link")[2], b"mine")
        for name in ("..%2Fx", "%2Fetc%2Fpasswd", "a%0Ab", "."):
            self.refused(400, "bad-file-name", self.server.json("GET", f"{session}/files/{name}"))
        self.refused(413, "disk-full", self.server.json("PUT", self.open(limits={"disk_bytes": 65536}) + "/files/big", raw="x" * 99999))

    def test_one_run_at_a_time(self):
        session = self.open(state=True)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.run_in(session, "import time; time.sleep(1.5); print('first')")))
        thread.start()
        self.wait_until(lambda: self.server.metric("appsilo_runs_running") == 1, "it does not start")
        self.refused(409, "busy", self.server.json("POST", session + "/run", {"code": "1"}))
        self.refused(409, "busy", self.server.json("GET", session + "/files"))
        thread.join()
        self.assertEqual(answers[0]["stdout"], "first\n")

    def test_deleting_a_session_ends_its_run(self):
        session, answers = self.open(state=True), []
        thread = threading.Thread(target=lambda: answers.append(self.run_in(session, "import time; time.sleep(15)")))
        thread.start()
        self.wait_until(lambda: self.server.metric("appsilo_runs_running") == 1, "it does not start")
        self.assertEqual(self.server.json("DELETE", session)[0], 200)
        thread.join(10)
        self.assertEqual(answers[0]["reason"], "cancelled")

    def test_list_delete_and_the_most_there_may_be(self):
        mine = [self.open().rsplit("/", 1)[1] for _ in range(4)]
        self.refused(429, "too-many-sessions", self.server.json("POST", "/v1/sessions", {}))
        rows = self.server.json("GET", "/v1/sessions")[1]["sessions"]
        self.assertEqual({row["id"] for row in rows}, set(mine))
        for name in mine:
            self.assertEqual(self.server.json("DELETE", "/v1/sessions/" + name)[0], 200)
        self.refused(404, "not-found", self.server.json("POST", f"/v1/sessions/{mine[0]}/run", {"code": "1"}))
        self.wait_until(self.server.is_at_rest, "a process is left")

    def test_a_body_that_may_be_left_out(self):
        status, answer = self.server.json("POST", "/v1/sessions")
        self.assertEqual((status, answer["state"]), (201, False))
        session = "/v1/sessions/" + answer["id"]
        self.addCleanup(self.server.send, "DELETE", session)
        self.assertEqual(self.server.json("POST", session + "/reset")[0], 200)
        self.assertEqual(self.server.json("POST", session + "/reset", {})[0], 200)
        self.refused(400, "unknown-field", self.server.json("POST", session + "/reset", {"x": 1}))
        self.refused(400, "bad-json", self.server.json("POST", session + "/reset", raw="{"))
        self.refused(415, "unsupported-type", self.server.json("POST", "/v1/sessions", {}, {"Content-Type": "text/plain"}))
        for path in ("/v1/run", session + "/run"):
            answer = self.server.json("POST", path, raw="")
            self.refused(400, "bad-json", answer)
            self.assertEqual(answer[1]["error"]["message"], "the body is empty; it must be a JSON object")

    def test_wrong_bodies(self):
        self.refused(422, "no-state", self.server.json("POST", "/v1/sessions", {"language": "bash", "state": True}))
        self.refused(400, "unknown-field", self.server.json("POST", "/v1/sessions", {"code": "1"}))
        self.refused(422, "limit-too-high", self.server.json("POST", "/v1/sessions", {"limits": {"pids": 10 ** 6}}))
        session = self.open(limits={"wall_ms": 1000})
        self.refused(400, "unknown-field", self.server.json("POST", session + "/run", {"code": "1", "env": {}}))
        self.refused(422, "limit-too-high", self.server.json("POST", session + "/run", {"code": "1", "limits": {"wall_ms": 2000}}))

    def test_sessions_are_strangers(self):
        one, two = self.open(state=True), self.open(state=True)
        self.run_in(one, "x = 1; open('mine', 'w').close(); open('/tmp/mine', 'w').close()")
        self.assertEqual(self.run_in(two, "import os; print('x' in globals(), os.listdir('.'), os.path.exists('/tmp/mine'))")["stdout"].replace("'.appsilo', ", "").replace(", '.appsilo'", ""),
                         "False ['main.py'] False\n")


class Ends(Case):
    def test_idle_sessions_end_and_so_do_all_with_the_server(self):
        server = Server("--session-idle", "1500ms")
        session = "/v1/sessions/" + server.json("POST", "/v1/sessions", {"state": True})[1]["id"]
        self.assertEqual(server.json("POST", session + "/run", {"code": "1"})[1]["stdout"], "1\n")
        self.assertFalse(server.is_at_rest())
        self.wait_until(server.is_at_rest, "it does not end", 20)
        self.assertEqual(server.json("GET", session + "/files")[0], 404)
        session = "/v1/sessions/" + server.json("POST", "/v1/sessions", {"state": True})[1]["id"]
        self.assertEqual(server.json("POST", session + "/run", {"code": "1"})[1]["stdout"], "1\n")
        left = server.children()
        self.assertEqual(server.stop(), 0)
        self.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in left), "a process is left")

    def test_a_session_is_its_tenants(self):
        tokens = write(PLACE + "/tokens", "a token-a-0123456789\nb token-b-0123456789\n")
        os.chmod(tokens, 0o600)
        server = Server("--token-file", tokens)
        self.addCleanup(server.stop)
        mine, other = ({"Authorization": f"Bearer token-{name}-0123456789"} for name in "ab")
        session = "/v1/sessions/" + server.json("POST", "/v1/sessions", {}, mine)[1]["id"]
        for method, path, body in (("POST", "/run", {"code": "1"}), ("GET", "/files", None), ("GET", "/files/main.py", None), ("DELETE", "", None), ("POST", "/reset", None)):
            self.assertEqual(server.json(method, session + path, body, other)[0], 404)
        self.assertEqual(server.json("GET", "/v1/sessions", headers=other)[1], {"sessions": []})
        self.assertEqual(server.json("POST", session + "/run", {"code": "1"}, mine)[0], 200)


main()
