# SPDX-License-Identifier: Apache-2.0
"""The network in server mode: what is allowed works with the app's own sockets, all else fails
at once and reaches nobody."""
import itertools
import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import host_net  # noqa: E402

host_net.enter()

from common import APPSILO, HOME, PLACE, Case, main, read  # noqa: E402
from host_net import BY_PACKETS, METADATA, OTHER, PRIVATE, PUBLIC, PUBLIC6, TRY, Ends  # noqa: E402

HOST = host_net.Host(PLACE)


def echo_is_allowed():
    with open("/proc/sys/net/ipv4/ping_group_range") as file:
        first, last = map(int, file.read().split())
    return first <= os.getgid() <= last


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
        if not echo_is_allowed():
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

    def test_name_servers_that_change(self):
        """The host gets other ones while the program runs: a laptop that moves."""
        for prompt in ("never", "exec:cat"):
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            server.bind(("127.0.0.9", 53))
            code = ("print(name('allowed.example.org', socket.AF_INET), flush=True); input()\n"
                    "print(name('other.example.org', socket.AF_INET))\n")
            app = subprocess.Popen([APPSILO, "run", "--prompt", prompt, "--net", "client", "--allow-read", HOME, "--", "python3", "-c", TRY + code],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HOME + "/work")
            self.enterContext(app)
            self.addCleanup(app.kill)
            self.assertEqual(app.stdout.readline(), PUBLIC + "\n")
            HOST.clear()
            with open("/etc/resolv.conf", "r+") as file:
                before = file.read()
                file.seek(0)
                file.write("# moved\nnameserver 127.0.0.9\n")
            try:
                app.stdin.write("\n")
                app.stdin.flush()
                server.settimeout(20)
                query, sender = server.recvfrom(4096)
                server.sendto(HOST.answer(query, 400), sender)
                self.assertEqual(app.stdout.readline(), OTHER + "\n")
            finally:
                with open("/etc/resolv.conf", "w") as file:
                    file.write(before)
                server.close()

    def test_services_and_names_that_lead_back(self):
        """What a service's record names is looked up, and judged, by itself; an address leads back to
        the name that was looked up, and nobody outside is asked."""
        code = ("def query(host, kind):\n"
                "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20); s.connect(('127.0.0.1', 53))\n"
                "    s.send(b'\\1\\2\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0' + b''.join(bytes([len(p)]) + p.encode() for p in host.split('.')) + bytes([0, 0, kind, 0, 1]))\n"
                "    answer = s.recv(4096); return answer[3] & 15, answer[7], answer[12 + len(host) + 6:]\n"
                "code, n, records = query('_http._tcp.example.org', 33)\n"
                "print(code, n, records[12:18].hex(), b'\\7allowed' in records, b'\\6secret' in records, query('_http._tcp.evil.org', 33)[0])\n"
                "print(name('secret.evil.org'), query('4.3.2.1.in-addr.arpa', 12)[0], name('allowed.example.org', socket.AF_INET))\n"
                f"code, n, records = query('4.3.2.1.in-addr.arpa', 12); print(code, n, b'\\7allowed' in records, socket.gethostbyaddr('{PUBLIC}')[0])\n"
                "print(query('8.8.8.8.in-addr.arpa', 12)[:2], query('in-addr.arpa', 12)[:2])\n")
        self.assertEqual(self.say(code, "--allow-host", "*.example.org"),
                         ["0 2 000100020050 True True 3", f"no name 3 {PUBLIC}", "0 1 True allowed.example.org", "(3, 0) (3, 0)"])
        self.assertEqual(set(HOST.queries), {("_http._tcp.example.org", "SRV"), ("allowed.example.org", "A")})

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
                                "--result", PLACE + "/result.json", "--", "python3", "-c", TRY + code],
                               stdout=subprocess.PIPE, text=True, cwd=HOME + "/work")
        self.addCleanup(app.kill)
        with app.stdout:
            self.assertEqual(app.stdout.readline(), "ready\n")
            with socket.create_connection(("127.0.0.1", 8001), 20) as c:
                c.sendall(b"knock")
                self.assertEqual(c.recv(100), b"KNOCK")
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection((OTHER, 8001), 20)
            self.assertEqual(app.wait(20), 0)
        self.assertEqual(json.loads(read(PLACE + "/result.json"))["network"],
                         [{"host": "*", "address": None, "port": 8000, "protocol": "tcp-in", "connections": 1, "refused": 0,
                           "bytes_sent": 5, "bytes_received": 5}])

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
        # Also in a run that has a broker, for what mounts alone cannot refuse.
        for options in ((), ("--allow-write", HOME + "/work", "--deny", HOME + "/work/deny")):
            self.assertEqual(self.say(f"print(tcp('{PUBLIC}'), tcp('{OTHER}'))", *options), ["200 EACCES"], options)

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

    def say_asking(self, code, *options):
        done = self.run_app("python3", "-c", TRY + code, prompt="exec:cat", options=("--allow-read", HOME, *options))
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
        self.assertEqual(got, [(name, None, None, "dns", 1, 0, 0, 0), (name, PUBLIC, 80, "tcp", 2, 0, 36, Ends(88, 2)),
                               (name, PUBLIC, 81, "tcp", 0, 1, 0, 0), (PRIVATE, PRIVATE, 80, "tcp", 0, 1, 0, 0),
                               (OTHER, OTHER, 7, "udp", 3, 0, 3, 3), ("secret.evil.org", None, None, "dns", 0, 1, 0, 0)])

    def test_the_count_of_hosts_is_bounded(self):
        result = PLACE + "/result.json"
        self.say(f"for port in range(1000, 1100): tcp('{PRIVATE}', port)", "--net", "client", "--result", result)
        rows = json.loads(read(result))["network"]
        self.assertEqual((len(rows), rows[-1]), (65, {"host": None, "connections": 0, "refused": 36, "bytes_sent": 0, "bytes_received": 0}))

    def test_bytes_beyond_the_bound_are_counted_as_one(self):
        result = PLACE + "/result.json"
        self.say(f"for port in range(1000, 1064): tcp('{PRIVATE}', port)\nudp('{PUBLIC}', 7, bytes(5000)); udp('{OTHER}', 7, bytes(300))",
                 "--net", "client", "--result", result)
        row = json.loads(read(result))["network"][-1]
        self.assertEqual(row, {"host": None, "connections": 2, "refused": 0, "bytes_sent": 5300, "bytes_received": 5300})

    def test_bytes_of_every_way(self):
        """Large and small, IPv4 and IPv6, echo requests, one port of this machine; by packets and by the fast path."""
        result = PLACE + "/result.json"
        self.tool("loopback", "add", self.family("python3", "-c", "0"), "5432")
        code = ("def exchange(address, port, size, family=socket.AF_INET):\n"
                "    s = socket.socket(family); s.connect((address, port)); s.sendall(b'echo'); got = 0\n"
                "    import threading\n"
                "    t = threading.Thread(target=lambda: (time.sleep(0), s.sendall(bytes(size)), s.shutdown(1))); t.start()\n"
                "    while True:\n        part = s.recv(1 << 16); got += len(part)\n        if not part: break\n"
                "    t.join(); assert got == size\n"
                f"exchange('{PUBLIC}', 80, 3 << 20); exchange('127.0.0.1', 5432, 70000); exchange('{PUBLIC6}', 80, 5000, socket.AF_INET6)\n"
                f"exchange('{PUBLIC}', 80, 0)\n"
                "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP); s.settimeout(20)\n"
                f"s.connect(('{PUBLIC}', 0)); s.send(bytes([8, 0, 0, 0, 0, 0, 0, 1]) + b'ping'); s.recv(100)\n")
        options = ("--net", "client", "--result", result)
        if not echo_is_allowed():
            code = code.rsplit("s = socket", 1)[0]
        for run, way in itertools.product((self.say, self.say_asking), (BY_PACKETS, "")):
            run(way + code, *options)
            rows = {(row["host"], row["protocol"]): (row["connections"], row["bytes_sent"], row["bytes_received"])
                    for row in json.loads(read(result))["network"]}
            self.assertEqual(rows.pop((PUBLIC, "icmp"), (1, 4, 4)), (1, 4, 4))
            ends = 0 if way else 1
            self.assertEqual(rows, {(PUBLIC, "tcp"): (2, (3 << 20) + 8, Ends(3 << 20, 2 * ends)), ("127.0.0.1", "tcp"): (1, 70004, 70000),
                                    (PUBLIC6, "tcp"): (1, 5004, Ends(5000, ends))})

    def why(self, run="LAST"):
        return json.loads(self.tool("why", run, "--json").stdout)

    def test_refused_hosts_are_explained(self):
        result = PLACE + "/result.json"
        code = (f"name('secret.evil.org'); name('allowed.example.org', socket.AF_INET); tcp('{PUBLIC}'); tcp('{PUBLIC}', 81)\n"
                f"tcp('{PRIVATE}'); udp('{OTHER}'); tcp('{METADATA}')\n")
        self.say(code, "--allow-host", "allowed.example.org:80", "--result", result)
        run = json.loads(read(result))["run"]
        family = self.why(run)[0]["package"]
        self.assertEqual([(d["kind"], d["call"], d["host"], d["port"], d["error"], d["source"], d["allow"]) for d in self.why(run)],
                         [("network", "look up", "secret.evil.org", 0, "No such file or directory", "no-rule",
                           f"appsilo grant -p {family} --host secret.evil.org"),
                          ("network", "connect", "allowed.example.org", 81, "EACCES", "no-rule",
                           f"appsilo grant -p {family} --host allowed.example.org:81"),
                          ("network", "connect", PRIVATE, 80, "EACCES", "no-rule", f"appsilo grant -p {family} --host {PRIVATE}:80"),
                          ("network", "send", OTHER, 7, "EHOSTUNREACH", "no-rule", f"appsilo grant -p {family} --host {OTHER}:7"),
                          ("network", "connect", METADATA, 80, "EACCES", "metadata", None)])
        self.assertIn("no capability and no rule allows it", self.tool("why").stdout)

    def test_a_run_that_fails_has_one_record(self):
        result = PLACE + "/result.json"
        done = self.run_app("python3", "-c", TRY + f"tcp('{PRIVATE}'); exit(3)", prompt="never", options=("--net", "client", "--result", result))
        self.assertEqual(done.returncode, 3)
        told = self.why()
        self.assertEqual([line["kind"] for line in told], ["network", "server-mode"])
        self.assertEqual({line["run"] for line in told}, {json.loads(read(result))["run"]})

    def test_nothing_refused_leaves_no_record(self):
        result = PLACE + "/result.json"
        self.say(f"tcp('{PUBLIC}')", "--net", "client", "--result", result)
        self.assertEqual((json.loads(read(result))["run"], self.why()), (None, []))

    def test_decisions_are_audited(self):
        audit = PLACE + "/audit.jsonl"
        code = f"name('allowed.example.org', socket.AF_INET); tcp('{PUBLIC}'); tcp('{PRIVATE}'); tcp('{PRIVATE}')\n"
        decided = [("allowed.example.org", "allow", "capability")] * 2 + [(PRIVATE, "deny", "rule")] * 2
        totals = [("allowed.example.org", "dns", 1, 0, 0, 0), ("allowed.example.org", "tcp", 1, 0, 18, Ends(44)), (PRIVATE, "tcp", 0, 2, 0, 0)]
        for run in (self.say, self.say_asking):
            if os.path.exists(audit):
                os.unlink(audit)
            run(code, "--net", "client", "--audit", audit, "--deny-host", PRIVATE)
            lines = [json.loads(line) for line in read(audit).splitlines()]
            self.assertEqual([(a["host"], a["decision"], a["source"]) for a in lines if a["kind"] == "network"], decided)
            self.assertEqual([(a["host"], a["protocol"], a["connections"], a["refused"], a["bytes_sent"], a["bytes_received"])
                              for a in lines if a["kind"] == "network-total"], totals)
            self.assertEqual(lines[-1]["kind"], "network-total")

    def test_an_audit_file_that_cannot_be_written_fails_the_start(self):
        for options in (("--net", "client"), ()):
            done = self.run_app("sh", "-c", "echo started", prompt="never", options=(*options, "--audit", PLACE + "/missing/audit"))
            self.one_line(done, 125, "--audit")
            self.assertEqual(done.stdout, "")

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
