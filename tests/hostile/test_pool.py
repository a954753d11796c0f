# SPDX-License-Identifier: Apache-2.0
"""Runs of one warm pool are strangers to each other (P7, C10, C12), whatever they do."""
import os
import signal
import subprocess
import time
import unittest

from lab import BIN, PLACE, descendants, main, named

RUNS = int(os.environ.get("APPSILO_SOAK_RUNS", "300"))
CALL = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    r = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    return "ok" if r >= 0 else errno.errorcode[ctypes.get_errno()]
"""


class End:
    def __init__(self, line, out, err):
        words = line.split()
        self.reason, self.code, self.signal = words[0], int(words[1]), int(words[2])
        self.wall_ms, self.cpu_ms, self.memory = (int(w) for w in words[3:6])
        self.out, self.err = out.decode(), err.decode()
        self.files, self.cut = {}, False

    def __repr__(self):
        return f"{self.reason} {self.code} {self.signal} out={self.out!r} err={self.err!r}"


class Pool:
    """A pool behind tests/hostile/pool_driver.c."""

    def __init__(self, *modules, least=2, most=64, per_zygote=10000, front=BIN + "/appsilo",
                 python="/usr/bin/python3"):
        guest = BIN + ("/appsilo-zygote-exec" if python == "-" else "/appsilo-zygote-python.so")
        self.process = subprocess.Popen(
            [BIN + "/pool_driver", front, guest, python, str(least), str(most), str(per_zygote), *modules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.last = 0

    def tell(self, line, more=b""):
        self.process.stdin.write(line.encode() + b"\n" + more)
        self.process.stdin.flush()

    def answer(self):
        return self.process.stdout.readline().decode().rstrip("\n")

    def start(self, code, wall=20000, cpu=0, memory=0, pids=0, file=0, files=0):
        self.last = (self.last + 1) % 1000
        code = code.encode()
        self.tell(f"start {self.last} {len(code)} {wall} {cpu} {memory} {pids} {file} {files}", code)
        said = self.answer()
        if said != "started":
            raise AssertionError(said)
        return self.last

    def end(self, number):
        self.tell(f"end {number}")
        line = self.answer()
        n_out, n_err = (int(w) for w in line.split()[6:8])
        end = End(line, self.process.stdout.read(n_out), self.process.stdout.read(n_err))
        for _ in range(int(line.split()[8])):
            n_name, size = (int(w) for w in self.answer().split())
            name = self.process.stdout.read(n_name).decode()
            end.files[name] = self.process.stdout.read(size)
        end.cut = line.split()[9] == "1"
        return end

    def run(self, code, **limits):
        return self.end(self.start(code, **limits))

    def wait(self, number):
        self.tell(f"wait {number}")
        assert self.answer() == "1"

    def kill(self, number):
        self.tell(f"kill {number}")
        assert self.answer() == "killed"

    def state(self):
        self.tell("state")
        words = self.answer().split(" ", 7)
        names = ("ready", "making", "running", "target", "made", "taken", "zygotes")
        return {**{n: int(w) for n, w in zip(names, words)}, "error": words[7]}

    def until(self, what, seconds=30):
        """The pool's thread does it in its own time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.state()
            if what(state):
                return state
            time.sleep(0.02)
        raise AssertionError(state)

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(60)
        self.process.stdout.close()
        return code


class PoolCase(unittest.TestCase):
    modules = ("json", "re")
    python = "/usr/bin/python3"
    setting = ("POOL_NOTHING", "1")  # of tests/hostile/pool_driver.c

    @classmethod
    def setUpClass(cls):
        os.environ[cls.setting[0]] = cls.setting[1]
        cls.pool = Pool(*cls.modules, python=cls.python)
        del os.environ[cls.setting[0]]

    @classmethod
    def tearDownClass(cls):
        seen = descendants(cls.pool.process.pid)
        code = cls.pool.close()
        end = time.monotonic() + 20
        while time.monotonic() < end and any(os.path.exists(f"/proc/{pid}") for pid in seen):
            time.sleep(0.05)
        left = [pid for pid in seen if os.path.exists(f"/proc/{pid}")]
        assert code == 0 and not left, (code, left)

    def said(self, code, **limits):
        end = self.pool.run(code, **limits)
        self.assertEqual((end.reason, end.code, end.err), ("exited", 0, ""), end)
        return end.out

    def both(self, first, second, expected, up="\nimport time\nprint('up', flush=True)\ntime.sleep(600)\n"):
        """@second, after @first and then beside it, says @expected."""
        self.said(first)
        self.assertEqual(self.said(second), expected)
        other = self.pool.start(first + up)
        try:
            self.pool.wait(other)
            self.assertEqual(self.said(second), expected)
        finally:
            self.pool.kill(other)
            self.assertIn("up", self.pool.end(other).out)


class Runs(PoolCase):
    """What a run is to whoever wrote it: as one of python3 -I -c."""

    def test_output_and_end(self):
        end = self.pool.run("import sys; print('a'); print('b', file=sys.stderr); sys.exit(7)")
        self.assertEqual((end.reason, end.code, end.out, end.err), ("exited", 7, "a\n", "b\n"))

    def test_uncaught_exception(self):
        end = self.pool.run("def f():\n  1/0\nf()")
        self.assertEqual((end.reason, end.code), ("exited", 1))
        self.assertEqual(end.err, 'Traceback (most recent call last):\n  File "<string>", line 3, in <module>\n'
                                  '  File "<string>", line 2, in f\nZeroDivisionError: division by zero\n')

    def test_syntax_error(self):
        end = self.pool.run("def")
        self.assertEqual((end.reason, end.code), ("exited", 1))
        self.assertTrue(end.err.endswith("SyntaxError: invalid syntax\n"), end)

    def test_system_exit_with_words(self):
        end = self.pool.run("raise SystemExit('words')")
        self.assertEqual((end.code, end.err), (1, "words\n"))

    def test_signals_end_it_by_name(self):
        for code, number in (("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", signal.SIGTERM),
                             ("import os; os.abort()", signal.SIGABRT),
                             ("import os; os.kill(os.getpid(), 9)", signal.SIGKILL),
                             ("import ctypes; ctypes.string_at(1)", signal.SIGSEGV)):
            end = self.pool.run(code)
            self.assertEqual((end.reason, end.code, end.signal), ("signaled", 128 + number, number), code)

    def test_stack_overflow_in_c(self):
        end = self.pool.run("import sys; sys.setrecursionlimit(1<<30)\n"
                            "class A:\n  def __repr__(self): return repr(self)\nrepr(A())\n")
        self.assertIn((end.reason, end.signal), (("signaled", 11), ("exited", 0)), end)

    def test_end_of_an_interpreter(self):
        code = ("import atexit, threading, time\n"
                "class D:\n  def __del__(self): print('destroyed')\n"
                "d = D()\natexit.register(print, 'at exit')\n"
                "threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()\nprint('main')\n")
        expected = subprocess.run(["/usr/bin/python3", "-I", "-c", code], capture_output=True, text=True).stdout
        self.assertEqual(self.said(code), expected)

    def test_main_module(self):
        self.assertEqual(self.said("import sys, __main__\nprint(__name__, sys.argv, sys.orig_argv[1:], sys.path[0] == '',"
                                   " __main__.__dict__ is globals(), sys.stdin.read() == '', sorted(globals()))"),
                         "__main__ ['-c'] [] True True True ['__builtins__', '__doc__', '__loader__', '__main__', "
                         "'__name__', '__package__', '__spec__', 'sys']\n")

    def test_subprocesses(self):
        self.assertEqual(self.said("import subprocess, sys\n"
                                   "print(subprocess.run(['sh', '-c', 'echo hi; exit 3'], capture_output=True))\n"
                                   "print(subprocess.check_output([sys.executable, '-c', 'print(1+1)']))"),
                         "CompletedProcess(args=['sh', '-c', 'echo hi; exit 3'], returncode=3, stdout=b'hi\\n', "
                         "stderr=b'')\nb'2\\n'\n")

    def test_fork_threads_and_multiprocessing(self):
        self.assertEqual(self.said("import os, multiprocessing as m\n"
                                   "if os.fork() == 0: os._exit(5)\n"
                                   "print(os.waitstatus_to_exitcode(os.wait()[1]))\n"
                                   "with m.Pool(2) as p: print(p.map(abs, [-1, -2]))\n"
                                   "from concurrent.futures import ThreadPoolExecutor as T\n"
                                   "print(list(T(2).map(abs, [-3])))"), "5\n[1, 2]\n[3]\n")

    def test_exec_in_its_place(self):
        self.assertEqual(self.said("import os; os.execv('/bin/echo', ['echo', 'replaced'])"), "replaced\n")

    def test_daemon_ends_with_the_run(self):
        end = self.pool.run("import os, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n"
                            "    time.sleep(600)\n  os._exit(0)\nos.wait(); print('gone')", wall=60000)
        self.assertEqual((end.reason, end.out), ("exited", "gone\n"))
        self.assertLess(end.wall_ms, 30000)

    def test_usage(self):
        end = self.pool.run("x = bytearray(100 << 20)\nimport time\nt = time.process_time()\n"
                            "while time.process_time() < t + 0.3: pass")
        self.assertGreater(end.memory, 100 << 20)
        self.assertTrue(300 <= end.cpu_ms < 3000, end.cpu_ms)


class Programs(PoolCase):
    """A pool without an interpreter: any program, here a shell."""
    modules = ()
    python = "-"

    def test_output_and_end(self):
        end = self.pool.run("cat; echo out; echo err >&2; exit 3")
        self.assertEqual((end.reason, end.code, end.out, end.err), ("exited", 3, "out\n", "err\n"))

    def test_files_and_processes(self):
        self.both("echo x > secret; echo x > /tmp/secret; echo x > /dev/shm/secret; sleep 0; true",
                  "ls . /tmp /dev/shm /var/tmp /run; n=0; for p in /proc/[0-9]*; do n=$((n+1)); done; echo $n", ".:\n\n/dev/shm:\n\n/run:\n\n/tmp:\n\n"
                  "/var/tmp:\n2\n", up="\necho up; sleep 600\n")

    def test_descriptors(self):
        self.assertEqual(self.said("ls /proc/self/fd | tr '\\n' ' '"), "0 1 2 3 ")

    def test_fences(self):
        self.assertEqual(self.said("grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t\\n' ' '; "
                                   "unshare -U true 2>/dev/null; echo $?"),
                         "CapEff: 0000000000000000 CapBnd: 0000000000000000 NoNewPrivs: 1 Seccomp: 2 1\n")

    def test_not_found(self):
        end = self.pool.run("exec /no/such/program")
        self.assertEqual((end.reason, end.code), ("exited", 127))

    def test_killed_by_a_signal(self):
        end = self.pool.run("kill -TERM $$")
        self.assertEqual((end.reason, end.signal), ("signaled", 15))

    def test_time(self):
        self.assertEqual(self.pool.run("trap '' TERM HUP INT; sleep 600", wall=300).reason, "timeout")


class Strangers(PoolCase):
    """What one run leaves or holds, another does not see."""

    def test_files(self):
        places = "['/tmp', '/var/tmp', '/dev/shm', '/run', '.', os.path.expanduser('~')]"
        self.both(f"import os\nfor p in {places}: open(p + '/secret', 'w').write('x')",
                  f"import os\nprint([p for p in {places} if os.listdir(p)])", "[]\n")

    def test_no_other_place_can_be_written(self):
        self.assertEqual(self.said(
            "import os\nfound = []\nfor base, dirs, files in os.walk('/', onerror=None):\n"
            "  if base.startswith(('/proc', '/usr', '/lib', '/tmp', '/var/tmp', '/dev/shm', '/run', '/home/sandbox')):\n"
            "    dirs[:] = []\n    continue\n"
            "  try: open(base + '/x', 'w'); found.append(base)\n  except OSError: pass\nprint(found)"), "[]\n")

    def test_modules_are_fresh(self):
        self.both("import os, json, builtins, sys\nos.getcwd = lambda: 'mine'\njson.dumps = None\n"
                  "builtins.len = None\nsys.modules['re'] = None\nos.environ['SECRET'] = 'x'\nsys.path.append('/evil')",
                  "import os, json, re, sys\nprint(os.getcwd(), json.dumps(len('ab')), re.match('a', 'a').end(),"
                  " 'SECRET' in os.environ, '/evil' in sys.path)", "/home/sandbox 2 1 False False\n")

    def test_processes(self):
        self.both("import os, time\nif os.fork() == 0: time.sleep(600)",
                  "import os\nprint(sorted(p for p in os.listdir('/proc') if p.isdigit()) == sorted(['1', str(os.getpid())]))",
                  "True\n")

    def test_signals_reach_nobody(self):
        self.assertEqual(self.said(
            "import os\nsaid = set()\nfor pid in [1, os.getppid(), *range(2, 400), -1]:\n"
            "  if pid == os.getpid(): continue\n  try:\n    os.kill(pid, 9); said.add((pid, 'sent'))\n"
            "  except OSError as e: said.add(type(e).__name__)\nprint(sorted(map(str, said)))"),
            "[\"(1, 'sent')\", 'ProcessLookupError']\n")
        self.assertEqual(self.said("print('alive')"), "alive\n")

    def test_abstract_sockets(self):
        self.both("import socket\ns = socket.socket(socket.AF_UNIX); s.bind('\\0name'); s.listen()",
                  "import socket\ns = socket.socket(socket.AF_UNIX)\n"
                  "try: s.connect('\\0name')\nexcept OSError as e: print(type(e).__name__)\n"
                  "s = socket.socket(socket.AF_UNIX); s.bind('\\0name'); print('bound')\n"
                  "print(open('/proc/net/unix').read().count('@name'))", "ConnectionRefusedError\nbound\n1\n")

    def test_ports(self):
        self.both("import socket\ns = socket.socket(); s.bind(('0.0.0.0', 8000)); s.listen()",
                  "import socket\ns = socket.socket()\n"
                  "try: s.connect(('127.0.0.1', 8000))\nexcept OSError as e: print(e.errno)\n"
                  "s = socket.socket(); s.bind(('0.0.0.0', 8000)); print('bound')\n"
                  "print(len(open('/proc/net/tcp').readlines()))", "111\nbound\n1\n")

    def test_c10_network(self):
        self.assertEqual(self.said(
            "import socket, errno\nfor host in ('169.254.169.254', '10.0.0.1', '1.1.1.1'):\n"
            "  for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):\n    s = socket.socket(type=kind)\n"
            "    try: s.connect((host, 80)); print(host, 'connected')\n"
            "    except OSError as e: assert e.errno == errno.ENETUNREACH, (host, e)\nprint('done')"), "done\n")

    def test_sysv_and_queues(self):
        self.both(CALL + "assert call(29, 77, 4096, 0o1600) == 'ok'",
                  CALL + "print(call(29, 77, 4096, 0), call(240, b'q', 2, 0, None))", "ENOENT ENOENT\n")

    def test_terminals(self):
        self.both("import os\na, b = os.openpty()", "import os\nprint(sorted(os.listdir('/dev/pts')))", "['ptmx']\n")

    def test_random_state(self):
        code = ("import os, random, uuid, ssl, tempfile\nprint(random.random(), uuid.uuid4(), ssl.RAND_bytes(8).hex(),"
                " os.urandom(8).hex(), tempfile.mktemp(), os.getpid())")
        seen = [self.said(code).split() for _ in range(12)]
        for column in zip(*seen):
            self.assertEqual(len(set(column)), len(seen), column)

    def test_descriptors(self):
        self.assertEqual(self.said("import os\nprint([os.path.exists(f'/proc/self/fd/{n}') for n in range(3)],"
                                   " len(os.listdir('/proc/self/fd')))"), "[True, True, True] 4\n")
        # A pipe that init shared with others could be opened again from here.
        self.assertEqual(self.said("import os\nprint([os.readlink('/proc/1/fd/' + n).split(':')[0]"
                                   " for n in os.listdir('/proc/1/fd')])"),
                         "['/dev/null', '/dev/null', '/dev/null', 'socket']\n")

    def test_environment(self):
        self.assertEqual(self.said("import os\nprint(sorted(os.environ))\n"
                                   "print(open('/proc/self/environ').read().count('HOME='))"),
                         "['HOME', 'LANG', 'LOGNAME', 'PATH', 'PWD', 'SHELL', 'TMPDIR', 'USER']\n1\n")

    def test_fences(self):
        self.assertEqual(self.said(
            CALL + "print(call(272, 0x10000000), call(435, 0, 0), call(101, 16, 1, 0, 0), call(310, 1, 0, 0, 0, 0, 0),"
            " call(165, b'x', b'/tmp', b'tmpfs', 0, 0), call(425, 1, 0))\n"
            "for line in open('/proc/self/status'):\n"
            "  if line.startswith(('Cap', 'NoNewPrivs', 'Seccomp:')): print(*line.split())"),
            "EPERM ENOSYS EPERM EPERM EPERM ENOSYS\n" +
            "".join(f"Cap{kind}: 0000000000000000\n" for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")) +
            "NoNewPrivs: 1\nSeccomp: 2\n")

    def test_memory_of_init_leads_nowhere(self):
        # It shares the run's memory: whatever is done to it ends this run only.
        end = self.pool.run("import ctypes, os\nfor line in open('/proc/self/maps'):\n"
                            "  at, rights, *_ = line.split()\n"
                            "  if rights == 'rw-p' and 'memfd:appsilo' in line or rights == 'rw-p' and len(line.split()) == 5:\n"
                            "    a, b = (int(x, 16) for x in at.split('-'))\n"
                            "    if b - a < 300000: ctypes.memset(a, 0x41, b - a)\nprint('done')", wall=5000)
        self.assertIn(end.reason, ("exited", "signaled", "failed", "timeout"))
        self.assertEqual(self.said("print('alive')"), "alive\n")

    def test_no_memory_is_shared(self):
        # What a run writes there, all others of the zygote would find. The system's files are read-only.
        self.assertEqual(self.said("print([line for line in open('/proc/self/maps') if line.split()[1][3] == 's'\n"
                                   "  and '/usr/' not in line])"), "[]\n")

    def test_no_secret_of_the_server_in_memory(self):
        self.assertEqual(self.said(
            "import re\nfound = set()\nmem = open('/proc/self/mem', 'rb', 0)\nword = b'TEST_' + b'PLACE'\n"
            "path = " + repr(PLACE[::-1]) + "[::-1].encode()\n"
            "for line in open('/proc/self/maps'):\n  at, rights = line.split()[:2]\n"
            "  if rights[0] != 'r' or 'vvar' in line or 'vsyscall' in line: continue\n"
            "  a, b = (int(x, 16) for x in at.split('-'))\n  mem.seek(a)\n"
            "  try: data = mem.read(b - a)\n  except OSError: continue\n"
            "  if word + b'=' in data: found.add('environment')\n"
            "  if path + b'/bin' in data: found.add('path')\nprint(sorted(found))"), "[]\n")

    def test_host_paths_are_not_told(self):
        self.assertEqual(self.said("import os\nprint([f for f in ('maps', 'cmdline', 'mountinfo', 'environ')\n"
                                   "  if " + repr(PLACE) + " in open('/proc/self/' + f).read()])"), "[]\n")


class Attacks(PoolCase):
    """C12: what a run does to itself stays with it."""

    def alive(self):
        self.assertEqual(self.said("print('alive')"), "alive\n")

    def test_wall_time(self):
        end = self.pool.run("while True: pass", wall=300)
        self.assertEqual((end.reason, end.code), ("timeout", 124))
        self.alive()

    def test_wall_time_of_one_that_ignores_signals(self):
        end = self.pool.run("import signal, os, time\nfor s in range(1, 32):\n"
                            "  if s not in (9, 19): signal.signal(s, signal.SIG_IGN)\n"
                            "for _ in range(3): os.fork()\nwhile True: time.sleep(1)", wall=500)
        self.assertEqual((end.reason, end.code), ("timeout", 124))
        self.alive()

    def test_cpu_time(self):
        end = self.pool.run("while True: pass", cpu=1000, wall=60000)
        self.assertEqual((end.reason, end.code, end.signal), ("timeout", 124, signal.SIGXCPU))

    def test_fork_bomb(self):
        end = self.pool.run("import os\nn = 0\nwhile True:\n  try: pid = os.fork()\n"
                            "  except OSError as e: print(n, type(e).__name__); break\n"
                            "  if pid == 0:\n    import time; time.sleep(600)\n  n += 1", pids=40)
        self.assertEqual(end.reason, "exited", end)
        self.assertRegex(end.out, r"^3\d BlockingIOError\n$")
        self.alive()

    def test_memory(self):
        end = self.pool.run("x = []\ntry:\n  while True: x.append(bytearray(10 << 20))\n"
                            "except MemoryError: n = len(x); x = None; print(n < 30)", memory=256 << 20)
        self.assertEqual(end.out, "True\n", end)

    def test_file_size_and_disk(self):
        end = self.pool.run("try:\n  with open('big', 'wb') as f:\n    for _ in range(1000): f.write(bytes(1 << 20))\n"
                            "except OSError as e: print(e.errno)", file=3 << 20)
        self.assertEqual(end.out, "27\n", end)
        end = self.pool.run("try:\n  with open('big', 'wb', 0) as f:\n    for _ in range(1000): f.write(bytes(1 << 20))\n"
                            "except OSError as e: print(e.errno)")
        self.assertEqual(end.out, "28\n", end)

    def test_inodes(self):
        end = self.pool.run("n = 0\ntry:\n  while True:\n    open(f'{n}', 'w').close(); n += 1\n"
                            "except OSError as e: print(e.errno, n < 100000)", wall=60000)
        self.assertEqual(end.out, "28 True\n", end)

    def test_endless_output(self):
        end = self.pool.run("while True: print('x' * 65536)", wall=60000)
        self.assertEqual(end.reason, "killed", (end.reason, end.code))
        self.alive()

    def test_deep_tree_goes_with_the_run(self):
        end = self.pool.run("import os\nfor _ in range(3000):\n  os.mkdir('d'); os.chdir('d')\nprint('deep')")
        self.assertEqual(end.out, "deep\n", end)

    def test_signal_storm_and_stopped_children(self):
        end = self.pool.run("import os, signal, time\nfor _ in range(10):\n  if os.fork() == 0: time.sleep(600)\n"
                            "signal.signal(signal.SIGUSR1, lambda *a: None)\n"
                            "for _ in range(20000): os.kill(os.getpid(), signal.SIGUSR1)\n"
                            "os.kill(-1, signal.SIGSTOP)\nprint('stopped')")
        self.assertIn(end.reason, ("exited", "timeout"))
        self.alive()

    def test_stops_itself(self):
        end = self.pool.run("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", wall=500)
        self.assertEqual((end.reason, end.code), ("timeout", 124))

    def test_forged_end(self):
        # Init's descriptor, if the run got at it: the report may lie, the processes go all the same.
        before = set(descendants(self.pool.process.pid))
        end = self.pool.run("import os\ntry: os.open('/proc/1/fd/3', os.O_RDWR)\n"
                            "except OSError as e: print(type(e).__name__)")
        self.assertEqual(end.out, "OSError\n", end)
        self.assertTrue(before)


class FilesBack(PoolCase):
    """P7: what a run left is sent by its own sandbox; names are judged, links lead nowhere."""
    setting = ("POOL_FILES", str(1 << 20))

    def test_files_and_folders(self):
        end = self.pool.run("import os\nos.makedirs('a/b')\nopen('a/b/f', 'wb').write(bytes(range(256)))\n"
                            "open('top', 'w').write('x' * 200000)\nopen('empty', 'w')\nopen('/tmp/other', 'w')")
        self.assertEqual(end.files, {"a/b/f": bytes(range(256)), "top": b"x" * 200000, "empty": b""})
        self.assertFalse(end.cut)
        self.assertEqual((end.reason, self.pool.run("pass").files), ("exited", {}))

    def test_links_and_odd_things_are_left_out(self):
        end = self.pool.run("import os, socket\nos.symlink('/etc/passwd', 'link'); os.symlink('/', 'root')\n"
                            "os.symlink('..', 'up'); os.mkfifo('fifo')\nsocket.socket(socket.AF_UNIX).bind('s')\n"
                            "open('f', 'w').write('mine'); os.link('f', 'g')\n"
                            "open('closed', 'w').write('x'); os.chmod('closed', 0)")
        self.assertEqual(end.files, {"f": b"mine", "g": b"mine"})

    def test_too_much_is_cut(self):
        self.assertTrue(self.pool.run("open('big', 'wb').write(bytes(2 << 20))").cut)
        end = self.pool.run("for n in range(1000): open(str(n), 'w')")
        self.assertEqual((len(end.files), end.cut), (256, True))
        self.assertTrue(self.pool.run("import os\nfor _ in range(50): os.mkdir('d'); os.chdir('d')\nopen('f', 'w')").cut)
        end = self.pool.run("open('sparse', 'w').truncate(1 << 40)")
        self.assertEqual((end.files, end.cut), ({}, True))

    def test_crash_and_timeout_give_files_too(self):
        self.assertEqual(self.pool.run("open('f', 'w').write('x')\nimport os; os.abort()").files, {"f": b"x"})
        end = self.pool.run("open('f', 'w').write('x')\nwhile True: pass", wall=500)
        self.assertEqual(end.reason, "timeout")
        self.assertIn((end.files, end.cut), (({"f": b"x"}, False), ({}, True)))


class Network(PoolCase):
    def test_each_has_a_loopback_that_nobody_has_used(self):
        self.both("import socket\ns = socket.create_server(('127.0.0.1', 8000))\n"
                  "c = socket.create_connection(('127.0.0.1', 8000)); s.accept()",
                  "import socket\ntry: socket.create_connection(('127.0.0.1', 8000))\n"
                  "except OSError as e: print(type(e).__name__)\n"
                  "s = socket.create_server(('127.0.0.1', 8000)); print(len(open('/proc/net/tcp').readlines()))",
                  "ConnectionRefusedError\n2\n")

    def test_networks_are_used_again_only_if_nothing_was_sent_in_them(self):
        seen = "import os, socket\nprint(os.readlink('/proc/self/ns/net'), open('/proc/net/dev').read().split('lo:')[1], open('/proc/net/snmp').read().count(' 1'))\n"
        used = seen + "s = socket.socket(type=socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', 9))"
        untouched = {self.said(seen) for _ in range(24)}
        self.assertLess(len(untouched), 16)  # most have had one that was there
        self.assertEqual({line.split(" ", 1)[1] for line in untouched | {self.said(used) for _ in range(24)}},
                         {line.split(" ", 1)[1] for line in untouched})
        self.assertEqual(len({line.split(" ", 1)[1] for line in untouched}), 1)

    def test_c10_no_way_out(self):
        self.assertEqual(self.said("import socket\nfor host in ('169.254.169.254', '10.0.0.1', '1.1.1.1'):\n"
                                   "  try: socket.create_connection((host, 80), 5)\n"
                                   "  except OSError as e: print(e.errno)"), "101\n101\n101\n")


class Manager(unittest.TestCase):
    """The pool itself: what is lost comes again, nothing is left."""

    def pool(self, *modules, **more):
        pool = Pool(*modules, **more)
        self.addCleanup(pool.process.wait, 60)
        self.addCleanup(pool.process.kill)
        self.addCleanup(pool.process.stdout.close)
        self.addCleanup(pool.process.stdin.close)
        return pool

    def gone(self, pids):
        """All of them, though the kernel takes its time."""
        end = time.monotonic() + 20
        while time.monotonic() < end and any(os.path.exists(f"/proc/{pid}") for pid in pids):
            time.sleep(0.02)
        self.assertEqual([pid for pid in pids if os.path.exists(f"/proc/{pid}")], [])

    def test_killed_zygote_comes_back(self):
        pool = self.pool()
        run = pool.start("import time; time.sleep(600)")
        front = descendants(pool.process.pid)[0]
        below = descendants(front)
        os.kill(front, signal.SIGKILL)
        self.assertEqual(pool.end(run).reason, "failed")
        pool.until(lambda s: s["zygotes"] == 2)
        self.assertEqual(pool.run("print('again')").out, "again\n")
        self.assertEqual(pool.state()["zygotes"], 2)
        self.gone(below)
        self.assertEqual(pool.close(), 0)

    def test_server_killed_leaves_nothing(self):
        pool = self.pool()
        pool.until(lambda s: s["ready"] >= 2)
        pool.start("import time; time.sleep(600)")
        below = descendants(pool.process.pid)
        pool.process.kill()
        pool.process.wait()
        self.gone(below)

    def test_zygote_that_hangs_is_replaced(self):
        pool = self.pool()
        pool.until(lambda s: s["ready"] >= 2 and s["making"] == 0)
        zygote = named(pool.process.pid, "python3")[0]
        os.kill(zygote, signal.SIGSTOP)
        for n in range(4):
            self.assertEqual(pool.run(f"print({n})", wall=60000).out, f"{n}\n")
        self.assertEqual(pool.state()["zygotes"], 2)
        pool.close()

    def test_zygotes_are_replaced(self):
        pool = self.pool(per_zygote=10)
        seeds = set()

        def has_third(_):  # the one before serves until the next is there, which takes what it takes
            seeds.update(pool.run("print(hash('a'))").out for _ in range(10))
            return len(seeds) > 2

        pool.until(has_third)
        self.assertGreater(len(seeds), 2)
        pool.until(lambda s: s["zygotes"] >= 3)
        pool.close()

    def test_many_runs_leave_nothing(self):
        pool = self.pool(least=4)

        def resources():
            pool.until(lambda s: s["making"] == 0 and s["ready"] >= s["target"])
            pid = pool.process.pid
            zygote = descendants(pid)
            return len(os.listdir(f"/proc/{pid}/fd")), len(zygote) - 2 * pool.state()["ready"]

        for _ in range(50):
            self.assertEqual(pool.run("print(1)").out, "1\n")
        before = resources()
        for n in range(RUNS):
            self.assertEqual(pool.run(f"print({n})").out, f"{n}\n")
        after = resources()
        self.assertLessEqual(after[0], before[0] + 64)
        self.assertLessEqual(after[1], before[1] + 2)
        self.assertEqual(pool.close(), 0)

    def test_what_cannot_be_preloaded_is_named(self):
        pool = self.pool("no_such_module")
        state = pool.until(lambda s: s["error"])
        self.assertIn("cannot preload no_such_module: ModuleNotFoundError", state["error"])
        pool.close()

    def test_threads_in_the_zygote_are_refused(self):
        pool = self.pool("concurrent.futures.thread", "_threads_for_test")
        state = pool.until(lambda s: s["error"])
        self.assertIn("cannot preload _threads_for_test", state["error"])
        pool.close()

    def test_front_that_is_no_front(self):
        pool = self.pool(front="/bin/false")
        self.assertIn("no zygote", pool.until(lambda s: s["error"])["error"])
        pool.close()

    def test_pool_grows_with_the_load(self):
        pool = self.pool(least=2, most=16)
        runs = [pool.start("import time; time.sleep(0.5)") for _ in range(12)]
        self.assertGreater(pool.state()["target"], 2)
        for run in runs:
            self.assertEqual(pool.end(run).reason, "exited")
        self.assertLessEqual(pool.until(lambda s: s["making"] == 0)["ready"], 16)
        pool.close()


if __name__ == "__main__":
    main()
