# SPDX-License-Identifier: Apache-2.0
"""The question about a host on the person's own terminal, and what is said of it afterwards."""
import json
import os
import shlex
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import host_net  # noqa: E402

host_net.enter()

from common import HOME, PLACE, Case, main, read  # noqa: E402
from host_net import METADATA, OTHER, PRIVATE, PUBLIC, TRY  # noqa: E402
from screen import appsilo  # noqa: E402

HOST = host_net.Host(PLACE)
WORK = ("--allow-read", HOME + "/work")


class Questions(Case):
    def setUp(self):
        super().setUp()
        HOST.clear()

    def start(self, code, *options):
        return appsilo("run", *WORK, *options, "--", "python3", "-c", TRY + code)

    def finished(self, terminal):
        terminal.end()
        return terminal.text()

    def hosts(self):
        return [(r["host"], r["port"], r["decision"], r["source"])
                for r in json.loads(self.tool("consents", "--json").stdout) if r["kind"] == "network"]

    def test_yes_to_host_and_port(self):
        t = self.start(f"print('GOT', tcp('{PUBLIC}'), tcp('{PUBLIC}'))")
        shown = t.answer("y")
        for words in ("python3", "wants to reach this host:", f"{PUBLIC} port 80 (tcp)",
                      "y  yes, always, this host and port", "a  yes, always, this host, any port"):
            self.assertIn(words, shown)
        self.assertNotIn("careful", shown)
        self.assertIn("GOT 200 200", self.finished(t))
        self.assertEqual(self.hosts(), [(PUBLIC, 80, "allow", "prompt")])
        self.assertIn("GOT 200", self.finished(self.start(f"print('GOT', tcp('{PUBLIC}'))")))

    def test_yes_to_any_port(self):
        t = self.start(f"print('GOT', tcp('{PUBLIC}'), udp('{PUBLIC}'))")
        t.answer("a")
        self.assertIn("GOT 200 1", self.finished(t))
        self.assertEqual(self.hosts(), [(PUBLIC, None, "allow", "prompt")])

    def test_no_is_remembered_and_told(self):
        code = "print('GOT', name('allowed.example.org'))"
        t = self.start(code)
        shown = t.answer("n")
        self.assertIn("wants to look up and reach this host:", shown)
        self.assertIn("allowed.example.org", shown)
        self.assertNotIn("  a  ", shown)
        self.assertIn("GOT no name", self.finished(t))
        self.assertEqual(self.hosts(), [("allowed.example.org", None, "deny", "prompt")])
        self.assertIn("GOT no name", self.finished(self.start(code)))
        self.assertEqual(HOST.queries, [])
        why = self.tool("why").stdout
        self.assertIn("allowed.example.org", why)
        self.assertIn("the rule on allowed.example.org (prompt) refuses it", why)
        # The command that it names does allow it.
        words = shlex.split(why.split("allow: ")[1].splitlines()[0])
        self.tool(*words[1:])
        self.assertIn("GOT 1.2.3.4", self.finished(self.start("print('GOT', name('allowed.example.org', socket.AF_INET))")))

    def test_once_and_session_keep_no_rule(self):
        for key in "os":
            t = self.start(f"print('GOT', tcp('{PUBLIC}'))")
            t.answer(key)
            self.assertIn("GOT 200", self.finished(t))
            self.assertEqual(self.hosts(), [])

    def test_a_private_address_is_marked(self):
        t = self.start(f"print('GOT', tcp('{PRIVATE}'))")
        self.assertIn("careful: this is an address of your own network", t.answer("y"))
        self.assertIn("GOT 200", self.finished(t))

    def test_a_capability_asks_for_the_rest_only(self):
        t = self.start(f"print('GOT', tcp('{OTHER}'), tcp('{PRIVATE}'))", "--net", "client")
        self.assertIn(PRIVATE, t.answer("q"))
        self.assertIn("GOT 200 E", self.finished(t))

    def test_why_names_what_nothing_opens(self):
        self.finished(self.start(f"print(tcp('{METADATA}'))"))
        why = self.tool("why").stdout
        self.assertIn(METADATA, why)
        self.assertIn("metadata service of a cloud, which nothing opens", why)

    def test_the_result_counts_hosts(self):
        result = PLACE + "/net-result.json"
        t = self.start(f"tcp('{PUBLIC}'); tcp('{OTHER}')", "--result", result)
        t.answer("o")
        t.answer("q")
        t.end()
        counts = json.loads(read(result))
        self.assertEqual(counts["asked"], 2)
        self.assertGreaterEqual(counts["allowed"], 1)
        self.assertGreaterEqual(counts["denied"], 1)


main()
