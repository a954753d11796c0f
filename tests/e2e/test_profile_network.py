# SPDX-License-Identifier: Apache-2.0
"""The profiler and hosts: found, let through or denied, and never what nothing opens."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import host_net  # noqa: E402

host_net.enter()

from common import APPSILO, PLACE, Case, main  # noqa: E402
from host_net import METADATA, OTHER, PRIVATE, PUBLIC, TRY  # noqa: E402

HOST = host_net.Host(PLACE)
FETCH = "print(urllib.request.urlopen('http://allowed.example.org/', timeout=20).read())"


class Network(Case):
    def setUp(self):
        super().setUp()
        HOST.clear()

    def start(self, code, *words):
        done = subprocess.run([APPSILO, "profile", "start", *words, "--", "python3", "-c", TRY + code], cwd="/",
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def report(self):
        return json.loads(self.tool("profile", "report", "--json").stdout)

    def hosts(self):
        return {(h["host"], h["capability"]) for h in self.report()["hosts"]}

    def test_let_through_and_the_line_is_enough(self):
        code = f"{FETCH}\nprint(tcp('{PUBLIC}'), udp('{OTHER}'), tcp('{PRIVATE}'))"
        out = self.start(code, "--allow")
        self.assertEqual(out.splitlines()[0], r"b'hello\n'", out)
        # Its own address is the name's: it was looked up before.
        self.assertEqual(self.hosts(), {("allowed.example.org:80", "internetClient"), (OTHER + ":7", "internetClient"), (PRIVATE + ":80", "privateNetworkClientServer")})
        line = self.report()["commands"][0].replace("appsilo run", APPSILO + " run")
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.stdout.strip(), out, done.stderr)
        self.assertEqual(self.tool("why").stdout.count("denial"), 0)

    def test_denied_is_found_and_reaches_nobody(self):
        out = self.start(f"print(name('allowed.example.org'), tcp('{PUBLIC}'))")
        self.assertEqual(out, "no name EACCES")
        self.assertEqual(self.hosts(), {("allowed.example.org", "internetClient"), (PUBLIC + ":80", "internetClient")})
        self.assertEqual((HOST.calls, HOST.queries), ([], []))

    def test_metadata_and_this_machine_are_never_let_through(self):
        out = self.start(f"print(tcp('{METADATA}'), tcp('{PUBLIC}'))", "--allow")
        self.assertNotIn("200", out.split()[0])
        report = self.report()
        self.assertEqual({h["host"] for h in report["hosts"]}, {PUBLIC + ":80"})
        self.assertEqual({(r["host"], r["source"], r["allow"]) for r in report["refused"]}, {(METADATA, "metadata", None)})

    def test_net_none_stays_none(self):
        self.assertNotIn("200", self.start(f"print(tcp('{PUBLIC}'))", "--allow", "--net", "none"))
        self.assertEqual((self.report()["hosts"], HOST.calls), ([], []))


main()
