# SPDX-License-Identifier: Apache-2.0
"""Hosts by consent: a first packet, or a look-up, waits for the answer of a person."""
import json
import os
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import host_net  # noqa: E402

host_net.enter()

from common import APPSILO, HOME, LOG, PLACE, Case, main, named, read, write  # noqa: E402
from host_net import METADATA, OTHER, PRIVATE, PUBLIC, TRY, Ends  # noqa: E402

HOST = host_net.Host(PLACE)
# Allows files, and the hosts of its arguments; its first argument is the scope.
PROMPTER = """
import json, sys
for line in sys.stdin:
    question = json.loads(line)
    allowed = question["kind"] == "file" or question["host"] in sys.argv[3:]
    if question["kind"] == "network":
        open(sys.argv[2], "a").write(line)
    print(json.dumps({"v": 1, "id": question["id"], "decision": "allow" if allowed else "deny",
                      "scope": sys.argv[1]}), flush=True)
"""


class Consent(Case):
    def setUp(self):
        super().setUp()
        HOST.clear()
        write(PLACE + "/hosts.py", PROMPTER)

    def say(self, code, *hosts, scope="session", options=()):
        self.audit = PLACE + "/audit.jsonl"
        if os.path.exists(self.audit):
            os.unlink(self.audit)
        prompt = " ".join(["exec:python3", PLACE + "/hosts.py", scope, LOG, *hosts])
        done = self.run_app("python3", "-c", TRY + code, prompt=prompt, options=("--audit", self.audit, *options))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def hosts_asked(self):
        return [(q["host"], q["port"], q["protocol"]) for q in self.questions()]

    def test_an_address_is_asked_about_once_a_session(self):
        code = f"print(tcp('{PUBLIC}'), tcp('{PUBLIC}'), tcp('{OTHER}'), tcp('{OTHER}'), udp('{OTHER}'))"
        self.assertEqual(self.say(code, PUBLIC), ["200 200 ECONNREFUSED EACCES EHOSTUNREACH"])
        self.assertEqual(self.hosts_asked(), [(PUBLIC, 80, "tcp"), (OTHER, 80, "tcp"), (OTHER, 7, "udp")])
        self.assertEqual(HOST.calls, [("tcp", PUBLIC, 80)] * 2)

    def test_one_question_for_a_name_and_what_it_leads_to(self):
        """Even for once: both kinds of address, and the first connection, are that once."""
        code = "print(urllib.request.urlopen('http://allowed.example.org/', timeout=20).read())"
        for scope in ("once", "session"):
            self.assertEqual(self.say(code, "allowed.example.org", scope=scope), [r"b'hello\n'"])
        self.assertEqual(self.hosts_asked(), [("allowed.example.org", None, "dns")] * 2)

    def test_once_is_once(self):
        code = f"name('other.example.org'); print(tcp('{OTHER}'), tcp('{OTHER}'))"
        self.assertEqual(self.say(code, "other.example.org", scope="once"), ["200 200"])
        self.assertEqual(self.hosts_asked()[-1], ("other.example.org", 80, "tcp"))
        self.assertEqual(len(self.hosts_asked()), 2)

    def test_a_refused_name_causes_no_query(self):
        self.assertEqual(self.say("print(name('secret.evil.org'))"), ["no name"])
        self.assertEqual(self.hosts_asked(), [("secret.evil.org", None, "dns")])
        self.assertEqual(HOST.queries, [])
        denials = [json.loads(line) for line in read(self.audit).splitlines()]
        self.assertIn("secret.evil.org", json.dumps(denials))

    def test_always_is_remembered(self):
        code = f"print(tcp('{PUBLIC}'))"
        for _ in range(2):
            self.assertEqual(self.say(code, PUBLIC, scope="always"), ["200"])
        self.assertEqual(self.hosts_asked(), [(PUBLIC, 80, "tcp")])

    def test_what_no_answer_opens_is_not_asked(self):
        code = f"print(tcp('{METADATA}'), tcp('127.0.0.1'), name('localhost', socket.AF_INET))"
        self.assertEqual(self.say(code, METADATA), ["EACCES ECONNREFUSED 127.0.0.1"])
        self.assertEqual(self.hosts_asked(), [])

    @unittest.skipIf(os.geteuid() == 0, "in a root run it is started at once")
    def test_the_network_is_started_when_something_wants_to_go_out(self):
        code = f"print('here', flush=True); input(); print(tcp('{PUBLIC}'), flush=True); input()"
        prompt = f"exec:python3 {PLACE}/hosts.py session {LOG} {PUBLIC}"
        with subprocess.Popen([APPSILO, "run", "--prompt", prompt, "--", "python3", "-c", TRY + code],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
            self.assertEqual(run.stdout.readline(), "here\n")
            self.assertEqual(named(run.pid, "appsilo-net"), [])
            run.stdin.write("\n")
            run.stdin.flush()
            self.assertEqual(run.stdout.readline(), "200\n")
            self.assertEqual(len(named(run.pid, "appsilo-net")), 1)
            run.stdin.write("\n")
        self.assertEqual(run.returncode, 0)

    def test_net_none_asks_nothing(self):
        code = f"print(tcp('{PUBLIC}'), name('allowed.example.org'))"
        words = self.say(code, PUBLIC, options=("--net", "none"))[0].split()
        self.assertEqual(words[0], "ENETUNREACH")
        self.assertEqual((self.hosts_asked(), HOST.queries), ([], []))

    def test_its_own_name_is_no_question(self):
        """A program may listen on it, and reaches itself there."""
        code = ("host = socket.gethostname(); s = socket.socket(); s.bind((host, 0)); s.listen()\n"
                "c = socket.create_connection((host, s.getsockname()[1])); print(host, c.getpeername()[0])\n")
        self.assertEqual(self.say(code), ["appsilo 127.0.1.1"])
        self.assertEqual((self.hosts_asked(), HOST.queries), ([], []))

    def test_hosts_are_counted_one_by_one(self):
        """Asked about or not, each connection and each refusal once."""
        result = PLACE + "/result.json"
        code = (f"name('allowed.example.org', socket.AF_INET); tcp('{PUBLIC}'); tcp('{PUBLIC}', 81); tcp('{PRIVATE}'); tcp('{PRIVATE}')\n"
                f"tcp('{OTHER}'); tcp('{OTHER}')\n")
        self.say(code, "allowed.example.org", OTHER, scope="session",
                 options=("--result", result, "--deny-host", "allowed.example.org:81"))
        whole = json.loads(read(result))
        name = "allowed.example.org"
        self.assertEqual([tuple(row.values()) for row in whole["network"]],
                         [(name, None, None, "dns", 1, 0, 0, 0), (name, PUBLIC, 80, "tcp", 1, 0, 18, Ends(44)), (name, PUBLIC, 81, "tcp", 0, 1, 0, 0),
                          (PRIVATE, PRIVATE, 80, "tcp", 0, 2, 0, 0), (OTHER, OTHER, 80, "tcp", 2, 0, 36, Ends(88))])
        self.assertEqual(whole["denied"], 3)

    def test_once_is_counted_too(self):
        result = PLACE + "/result.json"
        self.say(f"name('other.example.org', socket.AF_INET); tcp('{OTHER}')", "other.example.org", scope="once", options=("--result", result))
        self.assertEqual([(row["protocol"], row["connections"], row["bytes_received"]) for row in json.loads(read(result))["network"]],
                         [("dns", 1, 0), ("tcp", 1, 44)])

    def test_a_rule_needs_no_question(self):
        code = f"print(tcp('{PUBLIC}'), tcp('{PRIVATE}'))"
        options = ("--allow-host", PUBLIC + ":80", "--deny-host", PRIVATE)
        self.assertEqual(self.say(code, options=options), ["200 EACCES"])
        self.assertEqual(self.hosts_asked(), [])

    def running(self, code, prompt=None):
        """A run that prints a line, and goes on when it is given one."""
        run = subprocess.Popen([APPSILO, "run", "--prompt", prompt or self.prompter(), "--", "python3", "-c", TRY + code], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HOME + "/work")
        self.enterContext(run)
        self.addCleanup(run.kill)
        self.assertEqual(run.stdout.readline(), "up\n")
        return run

    def test_revoking_ends_what_has_no_end_of_its_own(self):
        """Datagrams, both ways, without a new socket; a connection that is open stays open."""
        family = self.family("python3", "-c", "0")
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(server.close)
        server.bind((PUBLIC, 9))
        code = ("def datagram(port):\n"
                "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20)\n"
                f"    s.connect(('{PUBLIC}', port)); s.send(b'x'); return s\n"
                "def echo():\n    c.sendall(b'x'); return c.recv(1)\n"
                f"c = socket.create_connection(('{PUBLIC}', 80)); c.sendall(b'echo'); one, other = datagram(7), datagram(9)\n"
                "one.recv(1); print('up', flush=True); input()\n"
                "one.settimeout(0.5); word = None\n"  # the reply that comes at that moment is lost
                "end = time.monotonic() + 30\n"
                "while not word and time.monotonic() < end:\n"
                "    try:\n        one.send(b'x'); one.recv(1)\n"
                "    except TimeoutError:\n        pass\n"
                "    except OSError as e:\n        word = errno.errorcode[e.errno]\n"
                "print(word, flush=True)\n"
                "input(); echo(); other.settimeout(1)\n"  # time enough for what must not come
                "try:\n    print(other.recv(9))\nexcept TimeoutError:\n    print('nothing', echo())\n")
        for words in (("revoke", "-p", family, "--host", PUBLIC),
                      ("grant", "--deny", "-p", family, "--host", PUBLIC + ":9", "--host", PUBLIC + ":7")):
            with self.subTest(words):
                self.tool("reset", "--all")
                self.tool("grant", "-p", family, "--host", PUBLIC)
                run = self.running(code)
                sender = server.recvfrom(9)[1]
                run.stdin.write("\n")
                run.stdin.flush()
                self.tool(*words)
                self.assertEqual(run.stdout.readline(), "EHOSTUNREACH\n")
                server.sendto(b"late", sender)
                out, _ = run.communicate("\n", timeout=60)
                self.assertEqual((out, run.returncode), ("nothing b'x'\n", 0))

    def test_other_changes_leave_datagrams_alone(self):
        """What is allowed for once is not asked about again when other things change."""
        write(PLACE + "/once.py", PROMPTER.replace("sys.argv[1]", "'once'"))
        code = (f"s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20); s.connect(('{PUBLIC}', 7))\n"
                "s.send(b'x'); s.recv(1); print('up', flush=True)\n"
                "for i in range(3):\n    input(); s.send(b'x'); print(s.recv(1), flush=True)\n")
        run = self.running(code, prompt=f"exec:python3 {PLACE}/once.py - {LOG} {PUBLIC}")
        for words in (("grant", "-p", "Other_0000000000000", "--host", PUBLIC), ("grant", "--all-packages", "--read", HOME + "/data"),
                      ("revoke", "-p", "Other_0000000000000", "--host", PUBLIC)):
            self.tool(*words)
            run.stdin.write("\n")
            run.stdin.flush()
            self.assertEqual(run.stdout.readline(), "b'x'\n")
        self.assertEqual(self.hosts_asked(), [(PUBLIC, 7, "udp")])

    def test_many_at_once_are_one_question(self):
        code = ("import concurrent.futures\n"
                "with concurrent.futures.ThreadPoolExecutor(50) as pool:\n"
                f"    print(*set(pool.map(lambda i: tcp('{PUBLIC}'), range(50))))\n")
        self.assertEqual(self.say(code, PUBLIC), ["200"])
        self.assertEqual(self.hosts_asked(), [(PUBLIC, 80, "tcp")])


main()
