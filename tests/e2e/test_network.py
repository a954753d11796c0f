# SPDX-License-Identifier: Apache-2.0
"""The network in server mode: what is allowed works with the app's own sockets, all else fails
at once and reaches nobody."""
import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import host_net  # noqa: E402

host_net.enter()

from common import APPSILO, HOME, PLACE, Case, main, read  # noqa: E402
from host_net import METADATA, OTHER, PRIVATE, PUBLIC, PUBLIC6, TRY  # noqa: E402

HOST = host_net.Host(PLACE)


class Server(Case):
    def setUp(self):
        super().setUp()
        HOST.clear()

    def say(self, code, *options):
        """The words that the code inside prints, one a line."""
        done = self.run_app("python3", "-c", TRY + code, prompt="never", options=options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def test_urllib_reaches_a_public_server(self):
        code = f"print(urllib.request.urlopen('http://{PUBLIC}/', timeout=20).read())"
        self.assertEqual(self.say(code, "--net", "client"), [r"b'hello\n'"])

    def test_without_the_option_there_is_no_network(self):
        code = f"print(tcp('{PUBLIC}'), udp('{PUBLIC}'), name('allowed.example.org'))"
        for options in ((), ("--net", "none")):
            words = self.say(code, *options)[0].split()
            self.assertEqual(words[:2], ["ENETUNREACH", "ENETUNREACH"])
        self.assertEqual((HOST.calls, HOST.queries), ([], []))

    def test_public_only(self):
        """Private, metadata, loopback: refused at once, whatever the protocol."""
        code = (f"for a in ('{PUBLIC}', '{PRIVATE}', '{METADATA}', '100.100.100.200', '127.0.0.1', '192.0.0.1', '0.0.0.0'):\n"
                "    print(tcp(a))\n"
                f"for a in ('{PUBLIC}', '{PRIVATE}', '{METADATA}', '192.0.0.3'):\n"
                "    print(udp(a))\n")
        self.assertEqual(self.say(code, "--net", "client"),
                         ["200"] + ["EACCES"] * 3 + ["ECONNREFUSED"] * 3 + ["1"] + ["EHOSTUNREACH"] * 3)
        self.assertEqual(HOST.calls, [("tcp", PUBLIC, 80), ("udp", b"x")])

    def test_private_networks_are_a_capability_of_their_own(self):
        code = f"print(tcp('{PUBLIC}'), tcp('{PRIVATE}'), tcp('{METADATA}'), udp('{PRIVATE}'))"
        self.assertEqual(self.say(code, "--net", "private"), ["EACCES 200 EACCES 1"])

    def test_ip6(self):
        code = f"print(tcp('{PUBLIC6}', 80, socket.AF_INET6), tcp('::ffff:{PRIVATE}', 80, socket.AF_INET6))"
        self.assertEqual(self.say(code, "--net", "client"), ["200 EACCES"])

    def test_echo_request(self):
        code = (f"s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP); s.settimeout(20)\n"
                f"s.connect(('{PUBLIC}', 0)); s.send(bytes([8, 0, 0, 0, 0, 0, 0, 1]) + b'ping')\n"
                "print(s.recv(100)[-4:].decode())\n"
                f"s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP); s.settimeout(20)\n"
                f"s.connect(('{PRIVATE}', 0)); s.send(bytes([8, 0, 0, 0, 0, 0, 0, 1]) + b'ping')\n"
                "try:\n    s.recv(100)\nexcept OSError as e:\n    print(errno.errorcode[e.errno])\n")
        with open("/proc/sys/net/ipv4/ping_group_range") as file:
            first, last = map(int, file.read().split())
        if not first <= os.getgid() <= last:
            self.skipTest("this host gives its users no echo requests: net.ipv4.ping_group_range")
        self.assertEqual(self.say(code, "--net", "client"), ["ping", "EHOSTUNREACH"])

    def test_large_transfers(self):
        code = (f"s = socket.create_connection(('{PUBLIC}', 80)); s.sendall(b'echo')\n"
                "import hashlib, os, threading\n"
                "data = os.urandom(8 << 20); time.sleep(0)\n"
                "assert s.getpeername()[1] == 80\n"
                "def send():\n    s.sendall(data); s.shutdown(socket.SHUT_WR)\n"
                "t = threading.Thread(target=send); t.start(); got = b''\n"
                "while len(got) < len(data):\n    part = s.recv(1 << 20)\n    if not part: break\n    got += part\n"
                "print(got == data)\n"
                f"print(udp('{PUBLIC}', 7, bytes(60000)))\n")
        self.assertEqual(self.say(code, "--net", "client"), ["True", "60000"])

    def test_fifty_connections_at_once(self):
        code = ("import concurrent.futures\n"
                "with concurrent.futures.ThreadPoolExecutor(50) as pool:\n"
                f"    print(*set(pool.map(lambda i: tcp('{PUBLIC}'), range(200))))\n")
        self.assertEqual(self.say(code, "--net", "client"), ["200"])

    def test_names(self):
        code = ("print(name('allowed.example.org', socket.AF_INET), name('alias.example.org', socket.AF_INET6))\n"
                "print(name('table.example.org'), name('missing.example.org'), name('localhost', socket.AF_INET))\n"
                "print(name('many.example.org').count(',') + 1)\n"
                "print(urllib.request.urlopen('http://alias.example.org/', timeout=20).read())\n")
        self.assertEqual(self.say(code, "--net", "client"),
                         [f"{PUBLIC} {PUBLIC6}", f"{OTHER} no name 127.0.0.1", "30", r"b'hello\n'"])

    def test_only_allowed_names_are_looked_up(self):
        code = ("print(name('allowed.example.org', socket.AF_INET), name('other.example.org'), name('secret.evil.org'))\n"
                f"print(tcp('{PUBLIC}'), tcp('{PUBLIC}', 81), tcp('{OTHER}'))\n")
        self.assertEqual(self.say(code, "--allow-host", "allowed.example.org"),
                         [f"{PUBLIC} no name no name", "200 ECONNREFUSED EACCES"])
        self.assertEqual({name for name, _ in HOST.queries}, {"allowed.example.org"})
        self.assertEqual(HOST.calls, [("tcp", PUBLIC, 80)])

    def test_a_name_opens_its_address_only_once_it_was_looked_up(self):
        code = f"print(tcp('{PUBLIC}')); name('allowed.example.org'); print(tcp('{PUBLIC}'))"
        self.assertEqual(self.say(code, "--allow-host", "allowed.example.org:80"), ["EACCES", "200"])

    def test_publish_lets_others_in(self):
        code = ("s = socket.socket(); s.bind(('0.0.0.0', 8000)); s.listen(); print('ready', flush=True)\n"
                "c, who = s.accept(); c.sendall(c.recv(100).upper()); c.close()\n")
        app = subprocess.Popen([APPSILO, "run", "--prompt", "never", "--net", "client-server", "--publish", "8001:8000",
                                "--", "python3", "-c", TRY + code], stdout=subprocess.PIPE, text=True, cwd=HOME + "/work")
        self.addCleanup(app.kill)
        with app.stdout:
            self.assertEqual(app.stdout.readline(), "ready\n")
            with socket.create_connection(("127.0.0.1", 8001), 20) as c:
                c.sendall(b"knock")
                self.assertEqual(c.recv(100), b"KNOCK")
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection((OTHER, 8001), 20)
            self.assertEqual(app.wait(20), 0)

    def test_a_port_that_is_taken_fails_the_start(self):
        done = self.run_app("true", prompt="never", options=("--net", "client-server", "--publish", "0.0.0.0:80:8000"))
        self.assertEqual(done.returncode, 125)
        self.assertIn("cannot listen on port 80", done.stderr)

    def test_a_proxy_is_all_there_is(self):
        options = ("--net", "client", "--proxy", f"http://{PUBLIC}:80")
        self.assertEqual(self.say(f"print(tcp('{PUBLIC}'), tcp('{OTHER}'), tcp('{PUBLIC}', 81))", *options),
                         ["200 EACCES EACCES"])

    def test_a_stored_rule_opens_a_host_in_server_mode(self):
        family = self.family("python3", "-c", "0")
        self.tool("grant", "-p", family, "--host", PUBLIC + ":80")
        self.assertEqual(self.say(f"print(tcp('{PUBLIC}'), tcp('{OTHER}'))"), ["200 EACCES"])

    def test_one_port_of_this_machine(self):
        """Opened by `appsilo loopback add`, reached at its own address, and no other."""
        family = self.family("python3", "-c", "0")
        self.tool("loopback", "add", family, "5432")
        self.tool("loopback", "add", family, "5433")  # nobody is there
        code = ("print(tcp('127.0.0.1', 5432), tcp('127.0.0.1', 80), tcp('127.0.0.1', 5433))\n"
                "s = socket.create_connection(('127.0.0.1', 5432)); s.sendall(b'echo')\n"
                "data = bytes(3 << 20); got = 0\n"
                "import threading\n"
                "t = threading.Thread(target=lambda: (time.sleep(0), s.sendall(data), s.shutdown(1))); t.start()\n"
                "while True:\n    part = s.recv(1 << 16); got += len(part)\n    if not part: break\n"
                "print(got == len(data))\n")
        for run in (self.say, self.say_asking):
            self.assertEqual(run(code), ["200 ECONNREFUSED ECONNRESET", "True"], run)
        self.tool("loopback", "remove", family, "5432")
        self.assertEqual(self.say("print(tcp('127.0.0.1', 5432))"), ["ECONNREFUSED"])

    def say_asking(self, code):
        done = self.run_app("python3", "-c", TRY + code, prompt="exec:cat", options=("--allow-read", HOME))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def test_without_the_device(self):
        """A run that is to have a network does not start; one that might have asked has none."""
        os.makedirs(PLACE + "/empty", exist_ok=True)
        who = () if os.geteuid() == 0 else ("--user", "--map-current-user", "--keep-caps")
        hide = ["unshare", *who, "--mount", "sh", "-c", f"mount --bind {PLACE}/empty /dev/net && exec \"$@\"", "sh",
                APPSILO, "run", "--prompt"]
        app = ["--", "python3", "-c", TRY + f"print(tcp('{PUBLIC}'))"]
        done = subprocess.run([*hide, "never", "--net", "client", *app], capture_output=True, text=True, cwd=HOME + "/work", check=False)
        self.assertEqual((done.returncode, done.stdout), (125, ""), done.stderr)
        self.assertIn("/dev/net/tun", done.stderr)
        done = subprocess.run([*hide, "exec:cat", "--allow-read", HOME, *app], capture_output=True, text=True, cwd=HOME + "/work", check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "ENETUNREACH\n"), done.stderr)

    def test_denials_are_counted(self):
        result = PLACE + "/result.json"
        self.say(f"tcp('{PUBLIC}'); tcp('{PRIVATE}'); tcp('{PRIVATE}')", "--net", "client", "--result", result)
        counts = json.loads(read(result))
        self.assertEqual((counts["allowed"], counts["denied"]), (1, 2), counts)

    def test_hosts_are_counted_one_by_one(self):
        result = PLACE + "/result.json"
        code = (f"name('allowed.example.org', socket.AF_INET); tcp('{PUBLIC}'); tcp('{PUBLIC}'); tcp('{PUBLIC}', 81); tcp('{PRIVATE}')\n"
                f"for i in range(3): udp('{OTHER}')\n"
                "name('secret.evil.org', socket.AF_INET)")
        self.say(code, "--allow-host", "allowed.example.org:80", "--allow-host", OTHER, "--result", result)
        got = [tuple(row.values()) for row in json.loads(read(result))["network"]]
        name = "allowed.example.org"
        self.assertEqual(got, [(name, None, None, "dns", 1, 0), (name, PUBLIC, 80, "tcp", 2, 0), (name, PUBLIC, 81, "tcp", 0, 1),
                               (PRIVATE, PRIVATE, 80, "tcp", 0, 1), (OTHER, OTHER, 7, "udp", 3, 0),
                               ("secret.evil.org", None, None, "dns", 0, 1)])

    def test_the_count_of_hosts_is_bounded(self):
        result = PLACE + "/result.json"
        self.say(f"for port in range(1000, 1100): tcp('{PRIVATE}', port)", "--net", "client", "--result", result)
        rows = json.loads(read(result))["network"]
        self.assertEqual((len(rows), rows[-1]), (65, {"host": None, "connections": 0, "refused": 36}))

    def test_it_ends_with_the_sandbox(self):
        self.say("print(1)", "--net", "client")
        self.wait_until(lambda: not self.left(), "appsilo-net is still there")

    @staticmethod
    def left():
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/exe").startswith(PLACE) and "net" in open(f"/proc/{pid}/comm").read():
                    found.append(pid)
            except OSError:
                continue
        return found


main()
