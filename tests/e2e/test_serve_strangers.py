# SPDX-License-Identifier: Apache-2.0
"""appsilo serve: one run is nothing to the next, nor to the server."""
import json
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import HOME, main  # noqa: E402
from serving import ServeCase  # noqa: E402


class Strangers(ServeCase):
    options = ("--workers", "2", "--wall-time", "60s")

    def next_works(self):
        done = self.server.run("print(open('/proc/self/status').read().count('Name'))")
        self.assertEqual((done["stdout"], done["reason"]), ("1\n", "exited"), done)

    def test_one_run_sees_nothing_of_another(self):
        first = self.server.run("import os, pathlib\n"
                                "for p in (pathlib.Path.home(), pathlib.Path('/tmp'), pathlib.Path('/dev/shm'), pathlib.Path('/var/tmp'), pathlib.Path('.')):\n"
                                "    (p / 'mark').write_text('x')\n"
                                "print(os.getcwd(), pathlib.Path.home())")
        self.assertEqual((first["exit_code"], first["stderr"]), (0, ""))
        for _ in range(2):
            done = self.server.run("import os, pathlib\n"
                                   "print([str(p) for p in (pathlib.Path.home(), pathlib.Path('/tmp'), pathlib.Path('/dev/shm'), pathlib.Path('/var/tmp'), pathlib.Path('.')) if (p / 'mark').exists()])\n"
                                   "print(sorted(os.listdir('.')), [p for p in os.listdir('/proc') if p.isdigit() and int(p) > 1 and int(p) != os.getpid()])")
            self.assertEqual(done["stdout"], "[]\n['main.py'] []\n", done)

    def test_runs_at_the_same_time_see_nothing_of_each_other(self):
        answers = []
        code = ("import os, time, glob, pathlib\n"
                "here = pathlib.Path.cwd(); (here / 'mine').write_text('x'); (pathlib.Path.home() / 'mine').write_text('x'); time.sleep(0.5)\n"
                "print(len([p for p in os.listdir('/proc') if p.isdigit()]))\n"
                "up = here.parent.parent\n"
                "for other in '0', '1', '2':\n"
                "    for what in 'work', 'data':\n"
                "        p = up / other / what\n"
                "        try: os.listdir(p); seen = True\n"
                "        except OSError: seen = False\n"
                "        if seen and p != here: print('seen', p)\n")
        threads = [threading.Thread(target=lambda: answers.append(self.server.run(code))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([(a["stdout"], a["stderr"]) for a in answers], [("2\n", "")] * 4)

    def test_the_server_its_token_and_its_environment_are_out_of_reach(self):
        done = self.server.run("import os, socket\n"
                               "print(sorted(k for k in os.environ if k not in ('PATH','HOME','USER','LOGNAME','SHELL','TMPDIR','PWD','LANG','LC_CTYPE')))\n"
                               f"try: socket.create_connection(('127.0.0.1', {self.server.port}), 2); print('connected')\n"
                               "except OSError as e: print('refused')\n"
                               "print(sorted(os.listdir('/proc/self/fd')))")
        self.assertEqual(done["stdout"], "[]\nrefused\n['0', '1', '2', '3']\n")

    def test_what_a_run_does_to_itself_does_not_touch_the_next(self):
        for code, limits in (
                ("import os\nwhile 1:\n    try: os.fork()\n    except OSError: pass", {"wall_ms": 400, "pids": 20}),
                ("x = []\nwhile 1: x.append(bytearray(1 << 20))", {"memory_bytes": 64 << 20}),
                ("import sys\nwhile 1: sys.stdout.write('x' * 65536)", {}),
                ("import signal, time\nfor s in range(1, 64):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\ntime.sleep(60)", {"wall_ms": 300}),
                ("import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(60)\nos._exit(0)", {}),
                ("import ctypes; ctypes.string_at(0)", {}),
                ("import sys; sys.setrecursionlimit(10 ** 9); x = []\nfor _ in range(300000): x = [x]\nrepr(x)", {}),
                ("import os, signal; os.kill(os.getppid(), signal.SIGKILL); os.kill(-1, signal.SIGKILL)", {}),
                ("import os; os.close(0); os.close(1); os.close(2)", {}),
                ("open('x', 'wb').write(b'x' * (200 << 20))", {}),
                ("i = 0\nwhile 1:\n    open(str(i), 'w').close(); i += 1", {"wall_ms": 700})):
            done = self.server.run(code, limits=limits)
            self.assertNotEqual(done["reason"], "failed", (code, done))
            self.next_works()
        self.wait_until(self.server.is_at_rest, "a process is left")

    def break_off(self, stream):
        raw = self.server.socket()
        body = json.dumps({"code": "print('x', flush=True)\nimport time; time.sleep(60)", "stream": stream}).encode()
        raw.sendall(b"POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        self.wait_until(self.server.is_running, "it has not started")
        raw.close()
        self.wait_until(lambda: not self.server.is_running() and self.server.is_at_rest(), "it goes on")

    def test_a_client_that_breaks_off_ends_its_run(self):
        for stream in (False, True):
            self.break_off(stream)
        self.assertEqual(self.server.metric('appsilo_runs_total{reason="cancelled"}'), 2)
        self.next_works()

    def test_nothing_is_left_on_the_host(self):
        self.server.run("open('left', 'w').write('x')")
        self.assertFalse(os.path.exists("/mnt/0"))
        self.assertFalse(os.path.exists(HOME + "/.local/share/appsilo"))


class StrangersCold(Strangers):
    """Nothing waits: each run has a sandbox made for it."""
    options = (*Strangers.options, "--pool", "0")

    def test_a_program_is_started_as_itself(self):
        self.assertIn("/profiles/python3", self.server.run("import os; print(os.environ['HOME'])")["stdout"])


main()
