# SPDX-License-Identifier: Apache-2.0
"""TCP's fast path: a connection that is allowed takes the place of the app's socket, and the app sees
nothing of it but its speed. Which way was taken shows in the socket's own address: of the host, or
of the sandbox's end of the tunnel."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import host_net  # noqa: E402

host_net.enter()

from common import PLACE, Case, main, read, write  # noqa: E402
from host_net import OTHER, PRIVATE, PUBLIC, PUBLIC6, TRY, Ends, deaf  # noqa: E402

HOST = host_net.Host(PLACE)
# Put before the code that runs inside. way(): by which way was it connected?
LOOK = TRY + f"""
import asyncio, ctypes, errno, os, select, signal, struct, subprocess, sys, threading
A = ({PUBLIC!r}, 80)
def way(s):
    return "packets" if s.getsockname()[0] == "192.0.0.2" else "fast"
def error(f, *a):
    try:
        f(*a)
        return "ok"
    except OSError as e:
        return errno.errorcode[e.errno]
def echoes(s):
    s.sendall(b"echo"); s.sendall(b"x"); return s.recv(1) == b"x"
"""


class FastPath(Case):
    prompts = ("never", None)

    def setUp(self):
        super().setUp()
        HOST.clear()

    def inside(self, code, expected, options=("--net", "client"), prompts=None):
        """In server mode, and in a prompting run."""
        for prompt in prompts or self.prompts:
            done = self.run_app("python3", "-c", LOOK + code, prompt=prompt, options=options, timeout=120)
            self.assertEqual(done.stdout.split(), expected, f"{prompt}: {done.stderr}")

    def test_is_taken(self):
        self.inside("s = socket.create_connection(A); print(way(s), echoes(s), s.getpeername() == A)\n"
                    "s = socket.create_connection(A, timeout=20); print(way(s), echoes(s), s.gettimeout())\n"
                    f"s = socket.create_connection(({PUBLIC6!r}, 80)); print(way(s), echoes(s))\n"
                    f"s = socket.socket(socket.AF_INET6); s.connect(('::ffff:{PUBLIC}', 80)); print(echoes(s), s.getsockname()[0])\n"
                    "async def talk():\n"
                    "    r, w = await asyncio.open_connection(*A)\n"
                    "    w.write(b'echo'); await w.drain(); w.write(b'x'); print(way(w.get_extra_info('socket')), await r.read(1))\n"
                    "asyncio.run(talk())\n"
                    "t = threading.Thread(target=lambda: print(way(socket.create_connection(A)))); t.start(); t.join()\n",
                    ["fast", "True", "True", "fast", "True", "20.0", "fast", "True", "True", f"::ffff:{PUBLIC}", "fast", "b'x'", "fast"])

    def test_is_not_taken_where_it_would_be_seen(self):
        """Bound, duplicated, or in an epoll set: the app's own socket stays, and works."""
        self.inside("s = socket.socket(); s.bind(('0.0.0.0', 0)); s.connect(A); print(way(s), echoes(s))\n"
                    "s = socket.socket(); t = s.dup(); s.connect(A); print(way(s), echoes(t), t.getpeername() == A)\n"
                    "hole = os.dup(0); s = socket.socket(); os.close(hole); t = s.dup(); s.connect(A); print(way(s), echoes(t))\n"
                    "import fcntl; s = socket.socket(); t = fcntl.fcntl(s, fcntl.F_DUPFD, 300); s.connect(A); print(way(s), echoes(s))\n"
                    "e = select.epoll(); s = socket.socket(); e.register(s, select.EPOLLIN); s.connect(A)\n"
                    "s.sendall(b'echo'); s.sendall(b'x'); print(way(s), e.poll(20) == [(s.fileno(), select.EPOLLIN)])\n"
                    "e2 = select.epoll(); s = socket.socket(); e2.register(s, select.EPOLLIN); s.connect(A); print(way(s))\n"
                    "s = socket.create_connection(A); print(way(s))\n",
                    ["packets", "True", "packets", "True", "True", "packets", "True", "packets", "True", "packets", "True", "packets", "fast"])

    def test_what_it_carries_is_counted(self):
        """One after the other, and many at once, most of which live when the program ends."""
        code = ("for i in range(20):\n    with socket.create_connection(A) as s: s.sendall(b'1')\n"
                "many = [socket.create_connection(A) for i in range(60)]\n"
                "for s in many: s.sendall(b'echo'); s.sendall(b'xyz')\n"
                "print(all(s.recv(3, socket.MSG_WAITALL) == b'xyz' for s in many))\n"
                "for s in many[:20]: s.close()\n"
                "dissolve = ctypes.CDLL(None).connect\n"
                "for s in many[20:30]: dissolve(s.fileno(), bytes(16), 16)\n")
        result = PLACE + "/result.json"
        for prompt in self.prompts:
            self.inside(code, ["True"], ("--net", "client", "--result", result), (prompt,))
            (row,) = json.loads(read(result))["network"]
            self.assertEqual((row["connections"], row["bytes_sent"], row["bytes_received"]), (80, 20 + 60 * 7, Ends(60 * 3, 80)))

    def test_options_stay(self):
        code = ("OPTIONS = ((1, 9, 1), (6, 1, 1), (6, 4, 77), (6, 5, 7), (6, 6, 3), (6, 18, 5000), (1, 2, 1), (1, 10, 1),\n"
                "           (0, 1, 16), (0, 2, 42), (6, 7, 4), (1, 12, 3), (1, 18, 2))\n"
                "s = socket.socket()\n"
                "for o in OPTIONS: s.setsockopt(*o)\n"
                "s.setsockopt(1, 8, 50000); s.setsockopt(1, 7, 40000); s.setsockopt(1, 13, struct.pack('ii', 1, 9))\n"
                "s.setsockopt(1, 20, struct.pack('ll', 7, 0))\n"
                "before = [s.getsockopt(*o[:2]) for o in OPTIONS] + [s.getsockopt(1, n, 16) for n in (7, 8, 13, 20)]\n"
                "s.connect(A)\n"
                "print(way(s), before == [s.getsockopt(*o[:2]) for o in OPTIONS] + [s.getsockopt(1, n, 16) for n in (7, 8, 13, 20)])\n"
                "plain, other = socket.create_connection(A), socket.socket()\n"
                "print(*{plain.getsockopt(*o[:2]) == other.getsockopt(*o[:2]) for o in OPTIONS})\n")
        self.inside(code, ["fast", "True", "True"])

    def test_descriptor_flags_stay(self):
        """Also where one number means sockets with other flags, one after the other."""
        self.inside("s = None\n"
                    "for inheritable in (False, True, False):\n"
                    "    if s: s.close()\n"
                    "    s = socket.socket(); s.set_inheritable(inheritable); s.connect(A)\n"
                    "    print(way(s), s.get_inheritable(), subprocess.run(['test', '-e', f'/proc/self/fd/{s.fileno()}'], close_fds=False).returncode)\n"
                    "s = socket.socket(); s.setblocking(False); print(s.connect_ex(A) == errno.EINPROGRESS, os.get_blocking(s.fileno()))\n"
                    "select.select([], [s], []); print(s.getsockopt(1, 4), way(s)); s.setblocking(True); print(echoes(s))\n",
                    ["fast", "False", "1", "fast", "True", "0", "fast", "False", "1", "True", "False", "0", "fast", "True"])

    def test_connecting_again(self):
        self.inside("s = socket.create_connection(A); print(error(s.connect, A))\n"
                    f"s = socket.socket(); print(error(s.connect, ({PUBLIC!r}, 81)), error(s.connect, A), way(s), echoes(s))\n"
                    "s = socket.socket(); s.setblocking(False); s.connect_ex(A); select.select([], [s], []); print(s.connect_ex(A), errno.errorcode[s.connect_ex(A)])\n"
                    f"s = socket.create_connection(A); print(error(s.connect, ({PRIVATE!r}, 80)), error(s.connect, ('127.0.0.1', 5432)))\n"
                    # connect(AF_UNSPEC) dissolves; then it connects anew, or not.
                    "libc = ctypes.CDLL(None, use_errno=True)\n"
                    "s = socket.create_connection(A); print(libc.connect(s.fileno(), bytes(16), 16), error(s.getpeername))\n"
                    f"print(error(s.connect, ({OTHER!r}, 80)), echoes(s), error(socket.socket().connect, ({PRIVATE!r}, 80)))\n"
                    "s = socket.create_connection(A); libc.connect(s.fileno(), bytes(16), 16)\n"
                    f"print(error(s.connect, ({PRIVATE!r}, 80)), error(s.connect, ('127.0.0.1', 5432)), error(s.listen), error(s.bind, ('0.0.0.0', 0)))\n",
                    ["EISCONN", "ECONNREFUSED", "ok", "fast", "True", "0", "EISCONN", "EISCONN", "EACCES", "0", "ENOTCONN", "ok", "True", "EACCES",
                     "EACCES", "EACCES", "EINVAL", "EINVAL"], prompts=("never",))

    def test_wrong_words(self):
        """The errors are the kernel's own."""
        self.inside("libc = ctypes.CDLL(None, use_errno=True)\n"
                    "def c(fd, address, size):\n"
                    "    return errno.errorcode[ctypes.get_errno()] if libc.connect(fd, address, size) < 0 else 'ok'\n"
                    "s = socket.socket(); a = struct.pack('!H', 0x200) + struct.pack('!H', 80) + bytes([1, 2, 3, 4]) + bytes(8)\n"
                    "print(c(99, a, 16), c(0, a, 16), c(s.fileno(), ctypes.c_void_p(8), 16), c(s.fileno(), a, -1), c(s.fileno(), a, 500), c(s.fileno(), a, 7))\n"
                    "print(c(s.fileno(), struct.pack('H', 99) + a[2:], 16), c(s.fileno(), struct.pack('H', 10) + a[2:], 16))\n"
                    "print(error(s.listen), error(s.connect, A), error(s.listen))\n",
                    ["EBADF", "ENOTSOCK", "EFAULT", "EINVAL", "EINVAL", "EINVAL", "EAFNOSUPPORT", "EAFNOSUPPORT", "ok", "EISCONN", "ok"],
                    prompts=("never",))

    def test_signals_end_the_wait_and_time_limits_hold(self):
        self.addCleanup(deaf(OTHER, 9))
        code = (f"D = ({OTHER!r}, 9)\n"
                # SO_SNDTIMEO bounds a connect.
                "s = socket.socket(); s.setsockopt(1, 21, struct.pack('ll', 0, 300000)); print(error(s.connect, D))\n"
                # A handler that raises ends it, as Ctrl-C does.
                "def stop(*_): raise KeyboardInterrupt\n"
                "signal.signal(signal.SIGALRM, stop); signal.setitimer(signal.ITIMER_REAL, 0.2)\n"
                "s = socket.socket()\n"
                "try: s.connect(D)\n"
                "except KeyboardInterrupt: print('interrupted')\n"
                # Raw, without SA_RESTART: EINTR; the connection goes on, and says so.
                "libc = ctypes.CDLL(None, use_errno=True)\n"
                "d = struct.pack('!HH', 0x200, 9) + socket.inet_aton(D[0]) + bytes(8)\n"
                "def raw(restart):\n"
                "    s = socket.socket(); seen = []\n"
                "    signal.signal(signal.SIGALRM, lambda *_: None); signal.siginterrupt(signal.SIGALRM, not restart)\n"
                "    if restart: s.setsockopt(1, 21, struct.pack('ll', 0, 500000))\n"
                "    signal.setitimer(signal.ITIMER_REAL, 0.1)\n"
                "    r = libc.connect(s.fileno(), d, 16); e = errno.errorcode[ctypes.get_errno()]\n"
                "    s.setblocking(False)\n"
                "    return e, errno.errorcode[s.connect_ex(D)]\n"
                "print(*raw(False))\n")
        self.inside(code, ["EINPROGRESS", "interrupted", "EINTR", "EALREADY"])

    def test_others_go_on_while_one_waits(self):
        self.addCleanup(deaf(OTHER, 9))
        self.inside(f"t = threading.Thread(target=lambda: socket.socket().connect(({OTHER!r}, 9)), daemon=True); t.start()\n"
                    "def one(): s = socket.create_connection(A); done.append(echoes(s))\n"
                    "done = []; all = [threading.Thread(target=one) for _ in range(50)]\n"
                    "for x in all: x.start()\n"
                    "for x in all: x.join()\n"
                    "print(len(done), set(done), t.is_alive(), flush=True); os._exit(0)\n", ["50", "{True}", "True"])

    def test_other_processes(self):
        self.inside("s = socket.socket()\n"
                    "if os.fork() == 0:\n"
                    "    print(error(s.connect, A), echoes(s), flush=True); os._exit(0)\n"
                    "os.wait(); s = socket.create_connection(A)\n"
                    "a, b = socket.socketpair(); socket.send_fds(a, [b'x'], [s.fileno()]); s.close()\n"
                    "t = socket.socket(fileno=socket.recv_fds(b, 1, 1)[1][0]); print(echoes(t))\n"
                    "t.shutdown(socket.SHUT_WR); print(t.recv(1))\n", ["ok", "True", "True", "b''"])

    def test_the_sandbox_s_own_network_is_as_it_was(self):
        code = ("s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); d, _ = s.accept()\n"
                "d.sendall(b'y'); print(c.recv(1), c.getpeername() == s.getsockname())\n"
                "s = socket.socket(); s.listen(); print(s.getsockname()[1] > 0)\n"
                "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 0)); v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                "v.connect(u.getsockname()); v.send(b'z'); print(u.recv(1))\n"
                "os.chdir('/tmp'); s = socket.socket(socket.AF_UNIX); s.bind('sock'); s.listen(); c = socket.socket(socket.AF_UNIX); c.connect('sock'); d, _ = s.accept()\n"
                "p, uid, gid = struct.unpack('3i', d.getsockopt(1, 17, 12)); print(p == os.getpid(), uid == os.getuid())\n"
                # Whoever connects finds somebody of the sandbox: its pid 1.
                "p, uid, gid = struct.unpack('3i', c.getsockopt(1, 17, 12)); print(p, uid == os.getuid())\n"
                "s = socket.socket(socket.AF_UNIX); s.bind('\\0name'); s.listen(); c = socket.socket(socket.AF_UNIX); print(error(c.connect, '\\0name'))\n"
                "print(error(socket.socket().connect, ('127.0.0.1', 5432)), error(socket.socket().bind, ('1.1.1.1', 0)))\n")
        self.inside(code, ["b'y'", "True", "True", "b'z'", "True", "True", "1", "True", "ok", "ECONNREFUSED", "EADDRNOTAVAIL"])

    def test_what_is_asked_waits_for_the_answer(self):
        script = write(PLACE + "/yes.py", "import json, sys\nfor line in sys.stdin:\n    q = json.loads(line)\n"
                       f"    print(json.dumps({{'v': 1, 'id': q['id'], 'decision': 'allow' if q.get('host') == {PUBLIC!r} else 'deny', 'scope': 'once'}}), flush=True)\n")
        code = (f"s = socket.socket(); s.connect(A); print(way(s), echoes(s))\nprint(error(socket.socket().connect, ({OTHER!r}, 80)))\n"
                "s = socket.create_connection(A, timeout=20); print(way(s), echoes(s))\n")
        self.inside(code, ["fast", "True", "EACCES", "packets", "True"], options=(), prompts=(f"exec:python3 {script}",))

    def test_who_gives_up_is_not_waited_for(self):
        """A question whose call has ended is taken back."""
        script = write(PLACE + "/slow.py", "import json, sys\nfor line in sys.stdin:\n    q = json.loads(line)\n"
                       f"    if q['kind'] == 'network' and q['host'] == {OTHER!r}: continue\n"
                       "    print(json.dumps({'v': 1, 'id': q['id'], 'decision': 'allow', 'scope': 'session'}), flush=True)\n")
        code = ("def stop(*_): raise KeyboardInterrupt\n"
                "signal.signal(signal.SIGALRM, stop); signal.setitimer(signal.ITIMER_REAL, 0.3)\n"
                f"try: socket.socket().connect(({OTHER!r}, 80))\n"
                "except KeyboardInterrupt: print('interrupted')\n"
                "print(echoes(socket.create_connection(A)))\n")
        self.inside(code, ["interrupted", "True"], options=(), prompts=(f"exec:python3 {script}",))

    def test_is_counted_and_told(self):
        result, audit = PLACE + "/result.json", PLACE + "/audit.jsonl"
        code = f"socket.create_connection(A); socket.create_connection(A)\nprint(error(socket.socket().connect, ({PRIVATE!r}, 80)))\n"
        self.inside(code, ["EACCES"], options=("--net", "client", "--result", result), prompts=("never",))
        with open(result) as file:
            rows = {(row["host"], row["port"]): (row["connections"], row["refused"]) for row in json.load(file)["network"]}
        self.assertEqual(rows, {(PUBLIC, 80): (2, 0), (PRIVATE, 80): (0, 1)})
        self.inside(code, ["EACCES"], options=("--net", "client", "--audit", audit), prompts=(None,))
        with open(audit) as file:
            lines = [line for line in map(json.loads, file) if line.get("kind") == "network"]
        self.assertEqual([(line["host"], line["decision"]) for line in lines], [(PUBLIC, "allow")] * 2 + [(PRIVATE, "deny")])


main()
