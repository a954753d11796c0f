# SPDX-License-Identifier: Apache-2.0
"""Sockets of the host's network that the app holds (N15; DESIGN, Network): whatever it does with them,
they lead where it was allowed, and nobody reaches the app by them."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import host_net  # noqa: E402

host_net.enter()

from host_net import OTHER, PRIVATE, PUBLIC, PUBLIC6, TRY, deaf  # noqa: E402
from lab import BIN, CALL, PLACE, Attack, main  # noqa: E402

HOST = host_net.Host(PLACE)
# A million by hand; in every run as many as take some seconds.
TRIES = int(os.environ.get("APPSILO_SOAK_RACE_TRIES", "2000"))
BOTH = ("never", None)
# Put before the code that runs inside: held() is a connection of the host's.
LOOK = CALL + TRY + f"""
import fcntl, select, struct, threading
A = ({PUBLIC!r}, 80)
def held():
    s = socket.create_connection(A)
    assert s.getsockname()[0] == {PUBLIC!r}, s.getsockname()
    return s
def unspec(s): return call(42, s.fileno(), ctypes.create_string_buffer(16), 16)
"""


def listeners():
    """Ports that somebody listens on in the host's network."""
    found = set()
    for name in ("tcp", "tcp6"):
        with open("/proc/self/net/" + name) as file:
            found |= {line.split()[1] for line in file if line.split()[3] == "0A"}
    return found


class Carried(Attack):
    def setUp(self):
        super().setUp()
        HOST.clear()
        self.before = listeners()

    def say(self, code, expected, *options):
        for prompt in BOTH:
            done = self.run_app("python3", "-c", LOOK + code, prompt=prompt, options=("--allow-host", PUBLIC, *options), timeout=120)
            self.assertEqual(done.stdout.split(), expected, f"{prompt}: {done.stderr}")
        self.assertLessEqual({call[1] for call in HOST.calls}, {PUBLIC, PUBLIC6})

    def race(self, kind):
        for prompt in BOTH:
            app = self.start(BIN + "/socket_race", kind, str(TRIES), PUBLIC, OTHER, prompt=prompt,
                             options=("--allow-host", PUBLIC, "--allow-read", BIN))
            said = app.stdout.readline().split()
            self.assertEqual(listeners(), self.before)
            app.communicate("", timeout=60)
            self.assertEqual((said, app.returncode), (["0", "0"], 0))
        self.assertEqual({call[1] for call in HOST.calls}, {PUBLIC})

    def test_n15_address_flipped(self):
        self.race("address")

    def test_n15_descriptor_flipped(self):
        """The prototype's hole: what was seen as a unix socket is one of the host's when the call goes on."""
        self.race("descriptor")

    def test_not_connected_elsewhere(self):
        self.say(f"for a in (('{OTHER}', 80), ('{PRIVATE}', 80), ('127.0.0.1', 5432), ('0.0.0.0', 5432)):\n"
                 "    s = held(); print(attempt(lambda: s.connect(a)))\n"
                 "    s = held(); unspec(s); print(attempt(lambda: s.connect(a)))\n"
                 "    s = held(); unspec(s); print(attempt(lambda: s.sendto(b'x', 0x20000000, a)))\n"
                 "    s = held(); print(attempt(lambda: s.sendto(b'x', a)))\n"
                 "    s = held(); unspec(s); s.setsockopt(6, 30, 1); print(attempt(lambda: s.connect(a)))\n",
                 ["EISCONN", "EACCES", "ENOTSUP", "ok", "EACCES"] * 2 + ["EACCES", "EACCES", "ENOTSUP", "ok", "EACCES"] * 2)

    def test_two_wait_for_one_connection(self):
        """The second names another host. When the first is refused, nothing begins anew for the second."""
        for prompt in BOTH:
            release = deaf(PUBLIC, 9)
            code = (LOOK + "import signal\ns = socket.socket()\n"
                    "def one(a): out.append(attempt(lambda: s.connect(a)))\n"
                    f"out = []; both = [threading.Thread(target=one, args=(a,)) for a in (({PUBLIC!r}, 9), ({OTHER!r}, 80), ({PRIVATE!r}, 80))]\n"
                    "def state(): return s.getsockopt(6, 11, 1)[0]\n"
                    "both[0].start()\n"
                    "while state() != 2: pass\n"
                    "for t in both[1:]: t.start()\n"
                    "print('wait', flush=True); input()\n"
                    "for t in both: t.join()\n"
                    "print(*sorted(out), flush=True); input()\n")
            app = self.start("python3", "-c", code, prompt=prompt, options=("--allow-host", PUBLIC))
            self.assertEqual(app.stdout.readline(), "wait\n")
            release()
            app.stdin.write("\n")
            app.stdin.flush()
            self.assertEqual(app.stdout.readline().split()[-1:], ["ECONNREFUSED"])
            app.communicate("\n", timeout=60)
            self.assertEqual(HOST.calls, [])

    def test_nobody_is_let_in(self):
        code = ("def tries(s):\n"
                "    print(attempt(lambda: s.bind(('0.0.0.0', 4444))), attempt(lambda: s.listen(5)))\n"
                "s = held(); tries(s)\n"
                "s = held(); unspec(s); tries(s)\n"
                # Shut down while it is being connected, it is as good as new for the kernel.
                "s = socket.socket(); s.setblocking(False); s.connect_ex(A); attempt(lambda: s.shutdown(2)); tries(s)\n"
                # Reset by its peer.
                "s = held(); s.sendall(b'GET'); s.recv(1); s.setsockopt(1, 13, struct.pack('ii', 1, 0)); s.shutdown(2); tries(s)\n"
                # Through another process.
                "a, b = socket.socketpair(); s = held(); unspec(s); socket.send_fds(a, [b'x'], [s.fileno()]); sys.stdout.flush()\n"
                "if os.fork() == 0:\n"
                "    t = socket.socket(fileno=socket.recv_fds(b, 1, 1)[1][0]); tries(t); sys.stdout.flush(); os._exit(0)\n"
                "os.wait()\n")
        self.say("import sys\n" + code, ["EINVAL"] * 10)
        self.assertEqual(listeners(), self.before)

    def test_options_and_requests(self):
        """Source routes, the host's interfaces, its network namespace."""
        code = ("s = held()\n"
                "print(attempt(lambda: s.setsockopt(0, 4, bytes([131, 7, 4, 10, 9, 8, 7, 0]))))\n"
                f"s6 = socket.create_connection(('{PUBLIC6}', 80))\n"
                "for name in (57, 54, 59, 55, 6): print(attempt(lambda: s6.setsockopt(41, name, bytes(24))))\n"
                "for request in (0x8912, 0x8915, 0x8927, 0x894c, 0x8933, 0x89f0):\n"
                "    print(attempt(lambda: fcntl.ioctl(s, request, bytes(40))))\n"
                "print(attempt(lambda: fcntl.ioctl(s, 0x8905, bytes(4))))\n"
                "print(attempt(lambda: s.setsockopt(1, 36, 7)), attempt(lambda: s.setsockopt(6, 19, 1)))\n")
        self.say(code, ["EPERM"] * 12 + ["ok", "EPERM", "EPERM"], "--allow-host", PUBLIC6)

    def test_calls_that_the_filter_never_lets_on(self):
        """io_uring and 32-bit calls would pass by the report."""
        self.say("s = held(); print(call(425, 8, ctypes.create_string_buffer(200)), s.getpeername()[0])\n", ["ENOSYS", PUBLIC])

    def test_without_the_judge_nothing_is_carried(self):
        """Whoever carries is killed: so is all that it carried for."""
        app = self.start("python3", "-c", LOOK + "s = held(); print('up', flush=True); s.recv(1); s.recv(1)\n", prompt="never",
                         options=("--allow-host", PUBLIC))
        self.assertEqual(app.stdout.readline(), "up\n")
        app.kill()
        self.assertEqual(app.stdout.read(), "")


main()
