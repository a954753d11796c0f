# SPDX-License-Identifier: Apache-2.0
"""appsilo serve: a run in a warm sandbox comes out as in one that is made for it, and warm ones are strangers, too."""
import concurrent.futures
import json
import os
import re
import signal
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import PLACE, Case, main, write
from serving import ServeCase, Server, events, fact

SAME = (
    {"code": "import sys; print(sys.argv, sys.stdin.read()); print('e', file=sys.stderr); sys.exit(3)", "argv": ["-x", "é"], "stdin": "in\0"},
    {"code": "import os\ndef f():\n    raise ValueError('é')\nf()"},
    {"code": "x = ("},
    {"code": "import sys; sys.exit('words')"},
    {"code": "import atexit, threading, time\natexit.register(print, 'last')\nthreading.Thread(target=lambda: (time.sleep(0.05), print('thread'))).start()"},
    {"code": "import os; print('lost', end=''); os._exit(4)"},
    {"code": "print(__name__, __file__.split('/')[-1], [k for k in globals() if not k.startswith('__')])"},
    {"code": "import sys; print(sys.path, sys.stdin.encoding, sys.stdout.encoding, sys.stdout.isatty(), sys.stdout.line_buffering)"},
    {"code": "import signal; print([s for s in signal.valid_signals() if signal.getsignal(s) not in (0, None)], signal.pthread_sigmask(0, []))"},
    {"code": "import os; print(sorted(os.environ), os.environ['K'], os.environ['TMPDIR'], os.environ['PWD'] == os.getcwd())", "env": {"K": "v=1"}},
    {"code": "import os, resource as r; print(os.umask(0), r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_CORE))"},
    {"code": "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True).stdout)"},
    {"code": "import multiprocessing as m\nif __name__ == '__main__': print(m.get_context('fork').Pool(2).map(abs, [-1, -2]))"},
    {"code": "import socket\ns = socket.socket()\ntry: s.connect(('127.0.0.1', 1))\nexcept OSError as e: print(e.errno)"},
    {"code": "open('helper.py', 'w').close()\nimport helper"},
    {"files": [{"name": "a/main.py", "content": "import helper; print(open('data').read(), helper.X, __file__[-9:])"},
               {"name": "a/helper.py", "content": "X = 5"}, {"name": "data", "content": "AP8=", "content_base64": False}], "entry": "a/main.py", "argv": ["w"]},
    {"code": "import os; os.kill(os.getpid(), 15)"},
    {"code": "import os; os.abort()"},
    {"code": "import ctypes; ctypes.string_at(0)"},
    {"code": "import sys; sys.setrecursionlimit(10 ** 9); x = []\nfor _ in range(300000): x = [x]\nrepr(x)"},
    {"code": "while 1: pass", "limits": {"wall_ms": 200}},
    {"code": "while 1: pass", "limits": {"cpu_ms": 200}},
    {"code": "while 1: print('x' * 999)", "limits": {"output_bytes": 5000}},
    {"code": "open('f', 'wb').write(b'x' * 100000)", "limits": {"file_bytes": 50000}},
    {"code": "import signal, time\nfor s in range(1, 32):\n    if s not in (9, 19): signal.signal(s, signal.SIG_IGN)\ntime.sleep(60)", "limits": {"wall_ms": 200}},
)
# With a control group only: else each process has its own limit.
GROUPED = (
    {"code": "import os\nos.fork(); os.fork()\nwhile 1: pass", "limits": {"cpu_ms": 200}},
    {"code": "x = []\nwhile 1: x.append(bytearray(1 << 20))", "limits": {"memory_bytes": 64 << 20}},
    {"code": "import os\nfor i in range(9):\n    if os.fork() == 0: break\nx = []\nwhile 1: x.append(b'x' * (1 << 20))", "limits": {"memory_bytes": 64 << 20, "pids": 20}},
    {"code": "import os, time\nfor i in range(9):\n    if os.fork() == 0: time.sleep(9)", "limits": {"pids": 5}},
)


def tell(answer):
    """What of an answer has to be the same; folders have names of their own."""
    text = json.dumps({k: answer[k] for k in ("stdout", "stderr", "exit_code", "signal", "reason", "stdout_base64") if k in answer})
    return re.sub(r"/mnt/\d+/work|/home/sandbox", "HERE", text)


def grouped(server):
    """Does this host let the server have control groups?"""
    return any(fact(pid, "comm") == "appsilo-cgroup\n" for pid in server.children())


def wait_for_warmth(case, server, headers=None):
    """Until a run was a warm one, and two more are ready."""
    def is_warm():
        before = server.metric("appsilo_runs_warm_total", headers)
        server.run("1", headers=headers)
        return server.metric("appsilo_runs_warm_total", headers) > before
    case.wait_until(is_warm, "no run is warm")
    case.wait_until(lambda: server.metric("appsilo_sandboxes_waiting", headers) >= 2, "nothing gets ready")


class Same(Case):
    def test_warm_and_cold_runs_are_the_same(self):
        warm, cold = Server(), Server("--pool", "0")
        self.addCleanup(warm.stop)
        self.addCleanup(cold.stop)
        self.wait_until(lambda: warm.metric("appsilo_sandboxes_waiting") >= 2, "nothing gets ready")
        bodies = [*SAME, *(GROUPED if grouped(warm) else ())]
        threads = concurrent.futures.ThreadPoolExecutor(2)
        for body in bodies:
            answers = list(threads.map(lambda server, body=body: server.run(**body), (warm, cold)))
            self.assertEqual(*map(tell, answers), body)
            self.assertEqual({type(v) for v in answers[0].values()}, {type(v) for v in answers[1].values()})
        self.assertEqual(warm.metric("appsilo_runs_warm_total"), len(bodies))
        self.assertEqual(cold.metric("appsilo_runs_warm_total"), 0)

    def test_figures_are_true(self):
        server = Server()
        self.addCleanup(server.stop)
        self.wait_until(lambda: server.metric("appsilo_sandboxes_waiting") >= 2, "nothing gets ready")
        done = server.run("import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\ntime.sleep(0.2)")
        self.assertTrue(300 <= done["cpu_ms"] < 400, done)
        self.assertGreaterEqual(done["wall_ms"], 500, done)
        done = server.run("x = b'x' * (100 << 20)")
        self.assertTrue(100 << 20 <= done["memory_bytes"] < 140 << 20, done)
        self.assertEqual(server.metric("appsilo_runs_warm_total"), 2)


class Warm(ServeCase):
    options = ("--workers", "2")

    def warm(self, code, n=1, **more):
        """It was a warm one, and comes to an end."""
        wait_for_warmth(self, self.server)
        before = self.server.metric("appsilo_runs_warm_total")
        done = [self.server.run(code, **more) for _ in range(n)]
        self.assertEqual(self.server.metric("appsilo_runs_warm_total") - before, n, done)
        return done

    def test_runs_are_strangers(self):
        code = ("import os, sys, json, random, tempfile, uuid\n"
                "print(os.getpid(), random.random(), tempfile.mktemp(), uuid.uuid4(), os.urandom(8), sep='\\n')\n"
                "print(hasattr(json, 'mark'), 'mark' in os.environ, os.path.exists('/dev/shm/mark'), os.path.exists('mark'), 'mark' in sys.modules)\n"
                "json.mark = 1; os.environ['mark'] = '1'; open('/dev/shm/mark', 'w').close(); open('mark', 'w').close(); sys.modules['mark'] = json\n"
                "json.dumps = None; sys.path.clear(); os.chdir('/tmp')")
        lines = [done["stdout"].splitlines() for done in self.warm(code, 6)]
        for column in zip(*(line[:5] for line in lines)):
            self.assertEqual(len(set(column)), len(column), column)
        self.assertEqual({line[5] for line in lines}, {"False False False False False"})

    def test_what_must_be_there_from_the_start_goes_cold(self):
        code = "import os; print(os.environ.get('LANG'), end='')"
        before = self.server.metric("appsilo_runs_warm_total")
        self.assertEqual(self.server.run(code, env={"LANG": "C"})["stdout"], "C")
        self.assertEqual(self.server.run("print(1)", limits={"disk_bytes": 1 << 20})["stdout"], "1\n")
        self.assertEqual(self.server.run("open('f', 'w').close()", **{"return": ["files"]})["files"][0]["name"], "f")
        files = [{"name": "a.py", "content": "print(len(open('b').read()))"}, {"name": "b", "content": "x" * (5 << 20)}]
        self.assertEqual(self.server.run(files=files, entry="a.py")["stdout"], f"{5 << 20}\n")
        self.assertEqual(self.server.metric("appsilo_runs_warm_total"), before)

    def test_batches_and_streams_are_warm(self):
        wait_for_warmth(self, self.server)
        before = self.server.metric("appsilo_runs_warm_total")
        body = {"code": "print(int(input()) * 2)", "cases": [{"stdin": str(n), "expected": str(n * 2)} for n in range(4)]}
        self.assertEqual(self.server.json("POST", "/v1/batch", body)[1]["accepted"], 4)
        got = events(self.server.send("POST", "/v1/run", {"code": "print(1)", "stream": True})[2])
        self.assertEqual([name for name, _ in got], ["start", "stdout", "result"])
        answer = self.server.json("POST", "/api/v2/execute", {"language": "python", "version": "*", "files": [{"content": "print(input())"}], "stdin": "i"})[1]
        self.assertEqual(answer["run"]["stdout"], "i\n")
        self.assertEqual(self.server.metric("appsilo_runs_warm_total") - before, 6)

    def zygote(self):
        """The front that keeps it: with it, all it has made goes."""
        return [pid for pid in self.server.children() if "\0zygote\0" in fact(pid, "cmdline")][0]

    def test_a_killed_zygote_costs_no_run_that_has_said_nothing(self):
        done = []
        thread = threading.Thread(target=lambda: done.append(self.server.run("import time; time.sleep(1); print('here')")))
        wait_for_warmth(self, self.server)
        zygote = self.zygote()
        thread.start()
        self.wait_until(self.server.is_running, "it has not started")
        os.kill(zygote, signal.SIGKILL)
        thread.join()
        self.assertEqual((done[0]["stdout"], done[0]["reason"]), ("here\n", "exited"))
        self.warm("print(1)")

    def test_what_a_lost_run_has_said_is_not_said_again(self):
        wait_for_warmth(self, self.server)
        connection = self.server.connect()
        connection.request("POST", "/v1/run", json.dumps({"code": "print('once', flush=True)\nimport time; time.sleep(60)", "stream": True}),
                           {"Content-Type": "application/json"})
        response = connection.getresponse()
        data = b""
        while b"once" not in data:
            data += response.readline()
        os.kill(self.zygote(), signal.SIGKILL)
        data += response.read()
        connection.close()
        self.assertEqual(data.count(b"once"), 1)
        self.assertEqual(events(data)[-1][1]["reason"], "failed")
        self.warm("print(1)")


class Pools(Case):
    def start(self, *options, **more):
        server = Server(*options, **more)
        self.addCleanup(server.stop, signal.SIGKILL)
        return server

    def test_a_killed_server_leaves_no_process_and_no_group(self):
        server = self.start()
        self.wait_until(lambda: server.metric("appsilo_sandboxes_waiting") >= 2, "nothing gets ready")
        left = server.children()
        groups = server.leaves()
        self.assertEqual(bool(groups), grouped(server))
        self.assertTrue(all(map(os.path.exists, groups)), groups)
        server.stop(signal.SIGKILL)
        self.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in left), "a process is left")
        self.assertFalse([path for path in groups if os.path.exists(path) or os.path.exists(os.path.dirname(path))])

    def test_groups_go_with_their_runs(self):
        server = self.start()
        self.wait_until(lambda: server.metric("appsilo_sandboxes_waiting") >= 2, "nothing gets ready")
        if not grouped(server):
            self.skipTest("no control groups for this user")
        tree = os.path.dirname(min(server.leaves()))
        refused = server.run("import os\nfor i in range(9):\n    if os.fork() == 0: os._exit(0)", limits={"pids": 5})
        self.assertEqual(refused["reason"], "pids")
        # One group serves one run after the other, but none with what it refused to another.
        for _ in range(30):
            self.assertEqual(server.run("exit(3)")["reason"], "exited")

        def leaves():
            return sum(os.path.isdir(f"{tree}/{name}") for name in os.listdir(tree))
        self.wait_until(lambda: server.is_at_rest() and leaves() < server.metric("appsilo_sandboxes_waiting") + 12, "groups are left")

    def test_tenants_share_no_zygote(self):
        tokens = write(PLACE + "/tokens", "a token-a-0123456789\nb token-b-0123456789\n")
        os.chmod(tokens, 0o600)
        server = self.start("--token-file", tokens)
        seeds = {}
        for name in "ab":
            mine = {"Authorization": f"Bearer token-{name}-0123456789"}
            wait_for_warmth(self, server, mine)
            before = server.metric("appsilo_runs_warm_total", mine)
            seeds[name] = {server.run("print(hash('a'))", headers=mine)["stdout"] for _ in range(2)}
            self.assertEqual(server.metric("appsilo_runs_warm_total", mine) - before, 2)
        self.assertFalse(seeds["a"] & seeds["b"])

    def test_where_there_can_be_no_pool_runs_go_cold_and_one_line_says_why(self):
        server = self.start("--preload", "json,no_such_module")
        self.wait_until(lambda: server.run("print(1)")["stdout"] == "1\n" and any("no_such_module" in line for line in server.log), "no word of it")
        for _ in range(3):
            self.assertEqual(server.run("print(1)")["stdout"], "1\n")
        self.assertEqual(len([line for line in server.log if "no_such_module" in line]), 1, server.log)
        self.assertEqual(server.metric("appsilo_runs_warm_total"), 0)

    def test_wrong_words(self):
        for words in (("--pool", "-1"), ("--pool", "x"), ("--preload", "a b"), ("--preload", "os;x")):
            self.one_line(self.tool("serve", *words, check=False), 2, words[0])


main()
